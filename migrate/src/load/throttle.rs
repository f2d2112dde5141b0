//! No more bytes a second than were asked for, over all workers together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Throttle {
    bytes_per_second: Option<u64>,
    /// Until when what was let through takes at that pace.
    busy_until: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: Option<u64>) -> Self {
        Self { bytes_per_second, busy_until: Mutex::new(None) }
    }

    /// So that a slow pace is no silence that a server takes for an end.
    pub(super) fn pieces(&self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        match self.bytes_per_second {
            None => vec![bytes],
            Some(pace) => {
                let len = usize::try_from(pace).unwrap_or(usize::MAX).clamp(1 << 10, 256 << 10);
                bytes.chunks(len).map(<[u8]>::to_vec).collect()
            }
        }
    }

    /// Waits until so many bytes more may go.
    pub(super) async fn pass(&self, bytes: u64) {
        let Some(pace) = self.bytes_per_second else { return };
        let takes = Duration::try_from_secs_f64(bytes as f64 / pace.max(1) as f64).unwrap_or(Duration::MAX);
        let from = {
            let now = Instant::now();
            let mut busy_until = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
            let from = busy_until.filter(|until| *until > now).unwrap_or(now);
            *busy_until = from.checked_add(takes).or(Some(from));
            from
        };
        tokio::time::sleep_until(from).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_waits_for_the_first() {
        let throttle = Throttle::new(Some(1_000_000));
        let begun = Instant::now();
        for _ in 0..3 {
            throttle.pass(100_000).await;
        }
        // The first two take 100 ms each before the third may go.
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
        let free = Throttle::new(None);
        let begun = Instant::now();
        free.pass(u64::MAX).await;
        assert!(begun.elapsed() < Duration::from_millis(100));
    }
}
