//! Discovery, list, write and exec against a kube-apiserver
