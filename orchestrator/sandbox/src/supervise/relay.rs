//! Carries TCP connections from one address to another, for a node that cannot reach loopback.
//!
//! It looks at nothing: what passes is TLS from end to end.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};

/// Carries until it is killed. Only returns when it cannot listen.
pub(super) fn relay(listen: &str, target: &str) -> u8 {
    let listener = match TcpListener::bind(listen) {
        Ok(listener) => listener,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "failed to listen on {listen}: {error}");
            return 5;
        }
    };
    for stream in listener.incoming() {
        let Ok(near) = stream else { continue };
        let target = target.to_owned();
        std::thread::spawn(move || {
            let Ok(far) = TcpStream::connect(target) else { return };
            let (Ok(near_again), Ok(far_again)) = (near.try_clone(), far.try_clone()) else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let back = std::thread::spawn(move || carry(far_again, near_again));
            carry(near, far);
            let _ = back.join();
        });
    }
    5
}

/// One direction; its end is passed on, the other direction may go on.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn both_directions_are_carried_and_one_may_end_before_the_other() {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let target_address = target.local_addr().unwrap().to_string();
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let address = listen.clone();
        std::thread::spawn(move || relay(&listen, &target_address));
        let mut client = std::iter::repeat_with(|| TcpStream::connect(&address)).find_map(Result::ok).unwrap();
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut server, _) = target.accept().unwrap();
        let mut question = String::new();
        server.read_to_string(&mut question).unwrap();
        server.write_all(b"answer").unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
    }
}
