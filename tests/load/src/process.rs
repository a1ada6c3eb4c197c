//! What a process and its children have used, as the kernel counts it (proc(5)).

use std::{fs, io, time::Duration};

use nix::{
    sys::resource::{UsageWho, getrusage},
    time::clock_getcpuclockid,
    unistd::Pid,
};

/// What a filter has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, in user and in kernel mode.
    pub cpu: Duration,
    /// Resident memory, in KiB.
    pub rss: u64,
    /// Resident memory where pages that several processes share are counted in parts, in KiB.
    pub pss: u64,
}

/// The usage of a process and of all its living descendants.
///
/// # Errors
/// There is no such process.
pub fn usage(process: u32) -> io::Result<Usage> {
    let all = stats()?;
    let mut members = vec![process];
    let mut usage = Usage::default();
    let mut next = 0;
    while let Some(&member) = members.get(next) {
        next += 1;
        members.extend(
            all.iter()
                .filter(|stat| stat.parent == member)
                .map(|stat| stat.id),
        );
        usage.cpu += cpu(member)?;
        usage.rss += kib(&format!("/proc/{member}/status"), "VmRSS:");
        usage.pss += kib(&format!("/proc/{member}/smaps_rollup"), "Pss:");
    }
    Ok(usage)
}

/// The most resident memory that any child which has ended had, in MiB.
///
/// # Errors
/// None that getrusage(2) has.
pub fn largest_child() -> io::Result<i64> {
    // On Linux in KiB.
    Ok(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() >> 10)
}

/// To the nanosecond, with threads that have ended; `utime` and `stime` of /proc/PID/stat have hundredths of a second.
fn cpu(process: u32) -> io::Result<Duration> {
    let process = i32::try_from(process).map_err(io::Error::other)?;
    let time = clock_getcpuclockid(Pid::from_raw(process))?.now()?;
    Ok(time.into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    id: u32,
    parent: u32,
}

fn stats() -> io::Result<Vec<Stat>> {
    let folders = fs::read_dir("/proc")?.flatten();
    let texts = folders.filter_map(|folder| fs::read_to_string(folder.path().join("stat")).ok());
    Ok(texts.filter_map(|text| stat(&text)).collect())
}

/// Reads /proc/PID/stat. The name, in parentheses, can hold blanks and parentheses.
fn stat(text: &str) -> Option<Stat> {
    let id = text.split(' ').next()?.parse().ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(1);
    Some(Stat {
        id,
        parent: fields.next()?.parse().ok()?,
    })
}

/// The value of a line such as `VmRSS:    1234 kB`; 0 where there is none.
fn kib(path: &str, key: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_in_parentheses_is_no_field() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 0 0 0 0 0 150 50 0 0 20 0 1";
        let expected = Stat { id: 42, parent: 7 };
        assert_eq!(stat(text), Some(expected));
        assert_eq!(stat("42"), None);
    }

    #[test]
    fn children_are_counted() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let alone = usage(child.id()).unwrap();
        let family = usage(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            alone.rss > 0 && family.rss > alone.rss,
            "{alone:?} {family:?}"
        );
        assert!(family.pss <= family.rss, "{family:?}");
        assert!(family.cpu > Duration::ZERO, "{family:?}");
        assert!(usage(child.id()).is_err());
    }
}
