//! io_uring when descriptors run out. It is alone in its file: the limit is that of the process.

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{listener, target};
use muxfer_core::ConnId;
use muxfer_core::net::IoError;
use muxfer_core::platform::Transport;
use muxfer_linux::{Loop, Uring, UringOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn descriptors_that_only_wait_to_be_closed_are_not_missing() {
    let mut uring = Uring::new(&UringOptions::default()).expect("io_uring");
    let (_listener, address) = listener();
    let limit = Rlimit {
        current: Some(40),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).expect("a lower limit");
    let open = |uring: &mut Uring, generation: u32| {
        let mut count = 0;
        loop {
            let generation = NonZeroU32::new(generation).expect("not zero");
            match uring.open(ConnId::new(count, generation), &target(address)) {
                Ok(()) => count += 1,
                Err(error) => return (count, error),
            }
        }
    };
    let (count, error) = open(&mut uring, 1);
    assert_eq!(error, IoError::NoDescriptors);
    assert!(count > 10, "{count}");
    for generation in 2..50 {
        for at in 0..count {
            let generation = NonZeroU32::new(generation - 1).expect("not zero");
            uring.close(ConnId::new(at, generation));
        }
        // No wait comes between.
        assert_eq!(open(&mut uring, generation), (count, error));
    }
    let waited = uring.wait_for(None, Some(Duration::ZERO), drop);
    waited.expect("can wait");
}
