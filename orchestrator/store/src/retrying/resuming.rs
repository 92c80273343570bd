//! A stream that is carried on where it broke.
//!
//! There is no reading from the middle of an object, so what was delivered is read again and must be the same; what
//! differs by then is another object, and its rest does not belong to the part that was delivered.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ports::ObjectKey;
use ports::object_store::Reader;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::RetryingStore;

/// How often one stream is carried on without having delivered anything new.
const FRUITLESS: u32 = 4;

type Reopening = Pin<Box<dyn Future<Output = io::Result<Reader>> + Send>>;

pub(super) struct Resuming {
    store: RetryingStore,
    key: ObjectKey,
    state: State,
    delivered: u64,
    digest: Sha256,
    /// Breaks since something was delivered last.
    fruitless: u32,
}

enum State {
    Reading(Reader),
    Reopening(Reopening),
    /// Failed for good; with this text again, whoever asks.
    Failed(io::ErrorKind, String),
}

impl Resuming {
    pub(super) fn new(store: RetryingStore, key: ObjectKey, first: Reader) -> Self {
        Self { store, key, state: State::Reading(first), delivered: 0, digest: Sha256::new(), fruitless: 0 }
    }

    fn fail(&mut self, error: io::Error) -> Poll<io::Result<()>> {
        self.state = State::Failed(error.kind(), error.to_string());
        Poll::Ready(Err(error))
    }

    fn broke(&mut self, error: io::Error) -> Result<(), io::Error> {
        if self.fruitless >= FRUITLESS {
            return Err(error);
        }
        self.fruitless += 1;
        let expected = self.digest.clone().finalize().into();
        let reopening = reopen(self.store.clone(), self.key.clone(), self.delivered, expected, error);
        self.state = State::Reopening(Box::pin(reopening));
        Ok(())
    }
}

impl AsyncRead for Resuming {
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.state {
                State::Failed(kind, text) => return Poll::Ready(Err(io::Error::new(*kind, text.clone()))),
                State::Reopening(reopening) => match ready!(reopening.as_mut().poll(ctx)) {
                    Ok(reader) => self.state = State::Reading(reader),
                    Err(error) => return self.fail(error),
                },
                State::Reading(reader) => {
                    let before = buffer.filled().len();
                    let outcome = ready!(reader.as_mut().poll_read(ctx, buffer));
                    let new = &buffer.filled()[before..];
                    if !new.is_empty() {
                        self.delivered += new.len() as u64;
                        self.digest.update(new);
                        self.fruitless = 0;
                    }
                    match outcome {
                        Ok(()) => return Poll::Ready(Ok(())),
                        // What came along with the error is delivered first; the error comes again or is mended.
                        Err(error) => match self.broke(error) {
                            Ok(()) if buffer.filled().len() > before => return Poll::Ready(Ok(())),
                            Ok(()) => {}
                            Err(error) => return self.fail(error),
                        },
                    }
                }
            }
        }
    }
}

/// Opens the object again and reads past what was delivered; breaks on the way there count as fruitless, too.
async fn reopen(
    store: RetryingStore,
    key: ObjectKey,
    delivered: u64,
    expected: [u8; 32],
    broke: io::Error,
) -> io::Result<Reader> {
    for _ in 0..FRUITLESS {
        // The break is what the reader should hear of, rather than why it could not be mended.
        let Ok(mut reader) = store.open(&key).await else { return Err(broke) };
        match skip(&mut reader, delivered).await {
            Ok(Some(seen)) if seen == expected => return Ok(reader),
            Ok(_) => return Err(changed(&key)),
            Err(_) => {}
        }
    }
    Err(broke)
}

/// Reads so many bytes and digests them; `None` when there are fewer.
async fn skip(reader: &mut Reader, mut left: u64) -> io::Result<Option<[u8; 32]>> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = reader.read(&mut buffer[..length]).await?;
        if read == 0 {
            return Ok(None);
        }
        digest.update(&buffer[..read]);
        left -= read as u64;
    }
    Ok(Some(digest.finalize().into()))
}

fn changed(key: &ObjectKey) -> io::Error {
    io::Error::other(format!("{key} was replaced while it was being read"))
}
