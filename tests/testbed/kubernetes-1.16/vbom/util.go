// Package util stands for a module that no registry has any more; nothing that is built here uses it.
package util
