//! The easy handle of a job: it behaves as the job says, and checks what it is told.

use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::easy::{
    Auth, Body, Easy, Field, Fields, Flow, Follow, Given, Head, LowSpeed, Options, Progress,
    Redirects, Request, Status, Taken,
};
use muxfer_core::{Error, net};

use super::answer::{body_byte, body_len, upload_byte};
use super::script::{Abort, Job, Script, Secret, UploadKind};

/// The easy handle of a job.
pub struct Agent {
    script: Rc<Script>,
    /// Which job.
    pub number: usize,
    url: String,
    /// The secret, as text and as fields.
    secret: String,
    cookie: Cookie,
    upload: Vec<u8>,
    /// The present response is a redirect that it follows.
    pub following: bool,
    /// Which hop it is at.
    pub hop: usize,
    /// Body bytes of the present response.
    pub got: usize,
    /// The status of the present response; 0 before.
    pub status: u16,
    /// What it has said to end the transfer.
    pub gave_up: Option<Error>,
    /// How often it was called.
    pub calls: u64,
    /// Body bytes since the engine was called.
    pub moved: usize,
    pauses: Vec<usize>,
    read: usize,
    read_pauses: Vec<usize>,
}

/// One field at most.
#[derive(Default)]
struct Cookie(Option<String>);

impl Fields for Cookie {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        let value = self.0.as_deref().filter(|_| nth == 0)?;
        Some(Field {
            name: "Cookie",
            value,
        })
    }
}

impl Agent {
    /// For a job of the script.
    #[must_use]
    pub fn new(script: Rc<Script>, number: usize) -> Self {
        let job = &script.jobs[number];
        let secret = format!("secret{number}");
        let authority = script.setup.authority(job.hops[0].host);
        let user = if job.secret == Secret::Url {
            format!("user:{secret}@")
        } else {
            String::new()
        };
        let cookie = Cookie((job.secret == Secret::Cookie).then(|| secret.clone()));
        Self {
            url: format!("http://{user}{authority}/{number}/0"),
            cookie,
            secret,
            upload: (0..job.upload.len)
                .map(|at| upload_byte(number, at))
                .collect(),
            following: false,
            hop: 0,
            got: 0,
            status: 0,
            gave_up: None,
            calls: 0,
            moved: 0,
            pauses: sorted(&job.pauses),
            read: 0,
            read_pauses: sorted(&job.upload.pauses),
            number,
            script,
        }
    }

    /// Its job.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.script.jobs[self.number]
    }

    fn called(&mut self) {
        assert_eq!(self.gave_up, None, "called after it gave up");
        self.calls += 1;
    }

    fn flow(&mut self, at: Abort) -> Flow {
        let job = self.job();
        let last = self.hop + 1 == job.hops.len();
        if last && job.abort == Some(at) {
            self.gave_up = Some(Error::Write);
            return Flow::Abort;
        }
        Flow::Continue
    }
}

fn sorted(offsets: &[usize]) -> Vec<usize> {
    let mut offsets = offsets.to_vec();
    offsets.sort_unstable_by(|one, other| other.cmp(one));
    offsets
}

impl Easy for Agent {
    fn request(&self) -> Request<'_> {
        let job = self.job();
        let auth = match job.secret {
            Secret::Basic => Auth::Basic {
                user: "user",
                password: &self.secret,
            },
            Secret::Bearer => Auth::Bearer(&self.secret),
            Secret::None | Secret::Url | Secret::Cookie => Auth::None,
        };
        let body = match job.upload.kind {
            UploadKind::None => Body::None,
            UploadKind::Bytes => Body::Bytes(&self.upload),
            UploadKind::Sized => Body::Stream {
                length: Some(self.upload.len() as u64),
            },
            UploadKind::Chunked => Body::Stream { length: None },
        };
        Request {
            fields: &self.cookie,
            body,
            auth,
            settings: job.settings,
            ..Request::new(job.method, &self.url)
        }
    }

    fn options(&self) -> Options {
        let job = self.job();
        let ms = Duration::from_millis;
        Options {
            redirects: job.follow.map_or(Redirects::Deliver, Redirects::Follow),
            keep_post: job.keep_post,
            total: job.total_ms.map(ms),
            connect: job.connect_ms.map_or(Options::DEFAULT.connect, ms),
            low_speed: job.low_speed.and_then(|(speed, seconds)| {
                Some(LowSpeed {
                    bytes_per_second: NonZeroU32::new(speed)?,
                    time: Duration::from_secs(seconds),
                })
            }),
            expect: job.expect,
            progress: job.progress_ms.map(ms),
            receive_rate: job.receive_rate.and_then(NonZeroU32::new),
            send_rate: job.send_rate.and_then(NonZeroU32::new),
            fail_on_error: job.fail_on_error,
            fresh_connect: job.fresh,
            forbid_reuse: job.forbid,
            max_body: job.max_body,
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.called();
        self.got = 0;
        self.following = false;
        self.status = status.code;
        let plan = &self.job().hops[self.hop];
        let known = [plan.status, 417].contains(&status.code) || status.code < 200;
        assert!(known, "job {}: a strange status", self.number);
        if status.code == plan.status {
            return self.flow(Abort::Status);
        }
        Flow::Continue
    }

    fn on_head(&mut self, head: &Head) -> Flow {
        self.called();
        assert_eq!(head.code, self.status);
        if head.code < 200 || head.code == 417 {
            return Flow::Continue;
        }
        self.flow(Abort::Head)
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.called();
        assert!(!bytes.is_empty() && !self.following, "job {}", self.number);
        let (number, hop) = (self.number, self.hop);
        for (at, byte) in (self.got..).zip(bytes) {
            assert_eq!(*byte, body_byte(number, hop, at), "job {number} at {at}");
        }
        let most = body_len(self.job(), &self.job().hops[hop]);
        let end = self.got + bytes.len();
        assert!(end <= most, "job {number}: {end} bytes of {most}");
        if let Some(Abort::Body(at)) = self.job().abort
            && hop + 1 == self.job().hops.len()
            && end > at
        {
            self.gave_up = Some(Error::Write);
            return Taken::Abort;
        }
        if let Some(&at) = self.pauses.last().filter(|at| **at < end) {
            self.pauses.pop();
            let taken = at.saturating_sub(self.got);
            self.got += taken;
            self.moved += taken;
            return Taken::Pause(taken);
        }
        self.got = end;
        self.moved += bytes.len();
        Taken::All
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        self.called();
        assert!(!into.is_empty(), "asked for nothing");
        let upload = &self.script.jobs[self.number].upload;
        if upload.fails_at.is_some_and(|at| self.read >= at) {
            self.gave_up = Some(Error::Read);
            return Given::Abort;
        }
        if self.read_pauses.last().is_some_and(|at| *at <= self.read) {
            self.read_pauses.pop();
            return Given::Pause;
        }
        let rest = &self.upload[self.read..];
        let n = rest.len().min(into.len());
        if n == 0 {
            return Given::End;
        }
        into[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        Given::Bytes(n)
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        self.called();
        let number = self.number;
        let job = &self.script.jobs[number];
        if job.stop_at == Some(self.hop) {
            return Follow::Stop;
        }
        let next = &job.hops[self.hop + 1];
        let authority = self.script.setup.authority(next.host);
        let end = format!("{authority}/{number}/{}", self.hop + 1);
        let rest = url.strip_prefix("http://").unwrap_or("");
        let plain = rest.strip_prefix(&format!("user:{}@", self.secret));
        assert_eq!(plain.unwrap_or(rest), end, "job {number}: {url}");
        url.clone_into(&mut self.url);
        self.hop += 1;
        self.following = true;
        Follow::Go
    }

    fn rewind(&mut self) -> bool {
        self.called();
        self.read = 0;
        let can = self.job().upload.can_rewind;
        if !can {
            self.gave_up = Some(Error::Rewind);
        }
        can
    }

    fn on_progress(&mut self, _progress: &Progress) -> Flow {
        self.called();
        if self.job().abort == Some(Abort::Progress) {
            self.gave_up = Some(Error::AbortedByCallback);
            return Flow::Abort;
        }
        Flow::Continue
    }
}

/// Errors that only trouble on a connection explains.
#[must_use]
pub fn is_of_connection(error: Error) -> bool {
    matches!(
        error,
        Error::EmptyReply
            | Error::PartialBody
            | Error::Receive(net::IoError::Reset | net::IoError::Closed)
            | Error::Send(net::IoError::Reset | net::IoError::Closed)
    )
}
