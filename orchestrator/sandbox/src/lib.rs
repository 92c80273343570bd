//! Disposable local control planes: finds or builds the servers, starts and stops them
