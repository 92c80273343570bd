//! An http backend for states on loopback, which can be made to fail.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Default)]
pub(crate) struct Backend {
    inner: Arc<Mutex<Inner>>,
    address: String,
}

#[derive(Default)]
struct Inner {
    state: Option<Vec<u8>>,
    lock: Option<Vec<u8>>,
    refuses_writes: bool,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/state", listener.local_addr().unwrap());
        let backend = Self { address, ..Default::default() };
        let inner = backend.inner.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = inner.clone();
                tokio::spawn(async move { answer(stream, &inner).await });
            }
        });
        backend
    }

    /// The configuration block.
    pub(crate) fn block(&self) -> String {
        let address = &self.address;
        format!(
            "terraform {{\n  backend \"http\" {{\n    address = \"{address}\"\n    lock_address = \"{address}\"\n    \
             unlock_address = \"{address}\"\n    retry_max = 0\n  }}\n}}\n"
        )
    }

    pub(crate) fn refuse_writes(&self, refuse: bool) {
        self.inner.lock().unwrap().refuses_writes = refuse;
    }

    pub(crate) fn state(&self) -> Option<serde_json::Value> {
        self.inner.lock().unwrap().state.as_ref().map(|state| serde_json::from_slice(state).unwrap())
    }

    pub(crate) fn set_state(&self, state: &str) {
        self.inner.lock().unwrap().state = Some(state.into());
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.inner.lock().unwrap().lock.is_some()
    }
}

async fn answer(stream: TcpStream, inner: &Mutex<Inner>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match stream.read_line(&mut head).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    let (status, body) = respond(&head, body, &mut inner.lock().unwrap());
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
}

fn respond(head: &str, body: Vec<u8>, inner: &mut Inner) -> (u16, Vec<u8>) {
    match head.split(' ').next().unwrap_or_default() {
        "GET" => match &inner.state {
            Some(state) => (200, state.clone()),
            None => (404, Vec::new()),
        },
        "POST" if inner.refuses_writes => (403, Vec::new()),
        "POST" => {
            inner.state = Some(body);
            (200, Vec::new())
        }
        "LOCK" => match &inner.lock {
            Some(lock) => (423, lock.clone()),
            None => {
                inner.lock = Some(body);
                (200, Vec::new())
            }
        },
        "UNLOCK" => {
            inner.lock = None;
            (200, Vec::new())
        }
        _ => (405, Vec::new()),
    }
}
