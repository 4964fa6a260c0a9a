//! Makes jobs of URLs: where each reads from and writes to.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muxfer_linux::Waker;

use crate::args::{Args, Resume, Target, is_dash};
use crate::failure::Failure;
use crate::job::{HeaderDump, Job};
use crate::output::{Manner, Output, Paths};
use crate::settings::Settings;
use crate::upload::Upload;
use crate::url;
use crate::verbose::Verbose;

/// What a file of a list is called whose URL names none.
const INDEX: &str = "index.html";

/// What jobs are made from.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    args: &'a Args,
    settings: Arc<Settings>,
    folder: PathBuf,
    manner: Manner,
    paths: Paths,
    /// Not behind Rust's buffer, which would hide a full disk until the end.
    stdout: Arc<File>,
    dump: Option<Arc<HeaderDump>>,
}

impl<'a> Plan<'a> {
    /// # Errors
    /// The file of `-D` can't be written.
    pub(crate) fn new(args: &'a Args, settings: Settings) -> Result<Self, Failure> {
        let stdout = std::io::stdout().as_fd().try_clone_to_owned();
        let stdout = stdout.map_err(|error| Failure::writing("standard output", &error))?;
        let stdout = File::from(stdout);
        let dump = args.dump_header.as_deref();
        Ok(Self {
            args,
            settings: Arc::new(settings),
            folder: args.output_dir.clone().unwrap_or_default(),
            manner: Manner {
                create_dirs: args.create_dirs,
                remove_on_error: args.remove_on_error,
            },
            paths: Paths::default(),
            dump: dump.map(|path| open_dump(path, &stdout)).transpose()?,
            stdout: Arc::new(stdout),
        })
    }

    /// The job of the nth URL of the command line.
    ///
    /// # Errors
    /// It has no name for its file, or nothing to upload.
    pub(crate) fn argument(
        &mut self,
        nth: usize,
        given: String,
        waker: &Waker,
    ) -> Result<Job, (String, Failure)> {
        let target = self.args.target(nth);
        let upload = self.args.upload_file.get(nth).map(PathBuf::as_path);
        let index = self.args.from.is_some().then_some(INDEX);
        self.job(given, &target, upload, index, waker)
    }

    /// The job of a line of the list.
    ///
    /// # Errors
    /// As [`Plan::argument`].
    pub(crate) fn line(&mut self, given: String, waker: &Waker) -> Result<Job, (String, Failure)> {
        let target = self.args.list_target();
        self.job(given, &target, None, Some(INDEX), waker)
    }

    fn job(
        &mut self,
        given: String,
        target: &Target,
        upload: Option<&Path>,
        index: Option<&str>,
        waker: &Waker,
    ) -> Result<Job, (String, Failure)> {
        match self.parts(&given, target, upload, index, waker) {
            Ok((url, output, upload, resume)) => Ok(Job {
                settings: Arc::clone(&self.settings),
                url,
                given,
                output,
                upload,
                resume,
                code: 0,
                dump: self.dump.clone(),
                verbose: Verbose::default(),
                head: Vec::new(),
                trouble: None,
            }),
            Err(failure) => Err((given, failure)),
        }
    }

    fn parts(
        &mut self,
        given: &str,
        target: &Target,
        upload: Option<&Path>,
        index: Option<&str>,
        waker: &Waker,
    ) -> Result<(String, Output, Option<Upload>, u64), Failure> {
        let mut url = url::absolute(given);
        let mut output = self.output(&url, target, index)?;
        let resume = match self.settings.resume {
            None => 0,
            Some(Resume::At(byte)) => byte,
            Some(Resume::FromFile) => output.present_length(),
        };
        if resume > 0 {
            output.append();
        }
        if let Some(query) = &self.settings.query {
            url::add_query(&mut url, query);
        }
        let upload = upload.map(|path| {
            if !is_dash(path)
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                url::add_file_name(&mut url, name);
            }
            Upload::open(path, self.settings.headers.chunked, waker)
                .map_err(|error| Failure::reading(path, &error))
        });
        let upload = upload.transpose()?;
        Ok((url, output, upload, resume))
    }

    fn output(
        &mut self,
        url: &str,
        target: &Target,
        index: Option<&str>,
    ) -> Result<Output, Failure> {
        let name = match target {
            Target::Stdout => return Ok(Output::Stdout(Arc::clone(&self.stdout))),
            Target::File(path) => path.clone(),
            Target::Remote => url::remote_name(url)
                .or_else(|| index.map(str::to_string))
                .ok_or_else(|| {
                    Failure::new(Failure::WRITE, "the URL names no file to write to with -O")
                })?
                .into(),
        };
        Ok(Output::file(
            self.paths.unique(&self.folder, &name),
            self.manner,
        ))
    }
}

fn open_dump(path: &Path, stdout: &File) -> Result<Arc<HeaderDump>, Failure> {
    let opened = if is_dash(path) {
        stdout.try_clone()
    } else {
        File::create(path)
    };
    let name = path.display().to_string();
    let file = opened.map_err(|error| Failure::writing(&name, &error))?;
    Ok(Arc::new(HeaderDump { name, file }))
}
