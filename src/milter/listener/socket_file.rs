//! A unix socket and its file.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process,
};

use nix::unistd::{Group, User};
use socket2::{Domain, SockAddr, Socket, Type};

use super::{
    address::{ListenAddress, Owner, SocketMode, SocketOptions},
    bind::{ListenError, listen, system},
};
use crate::server::{Access, refused};

/// A socket file of ours: removed when dropped, unless another has taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: Inode,
}

impl SocketFile {
    /// Gives it its name, over one of ours or a stale one.
    pub(super) fn place(&mut self, path: &Path) -> Result<(), ListenError> {
        if self.path != path {
            fs::rename(&self.path, path).map_err(system(
                "put the socket in its place,",
                path.display(),
                "",
            ))?;
            path.clone_into(&mut self.path);
        }
        Ok(())
    }

    /// What tells it from another file at its path.
    pub(super) fn inode(&self) -> Inode {
        self.inode
    }
}

/// Device and number.
pub(super) type Inode = (u64, u64);

pub(super) fn inode(path: &Path) -> io::Result<Inode> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|now| now == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket at this path, for our own user alone.
///
/// # Errors
/// Another process listens there, or the system refuses.
pub fn bind_privately(path: &Path) -> Result<(UnixListener, SocketFile), ListenError> {
    bind_with(path, SocketMode(0o600))
}

/// The same for our own user and group.
///
/// # Errors
/// As for [`bind_privately`].
pub fn bind_for_group(path: &Path) -> Result<(UnixListener, SocketFile), ListenError> {
    bind_with(path, SocketMode(0o660))
}

fn bind_with(path: &Path, mode: SocketMode) -> Result<(UnixListener, SocketFile), ListenError> {
    let options = SocketOptions {
        mode: Some(mode),
        ..SocketOptions::default()
    };
    let (listener, mut file) = bind(path, &options, None)?;
    file.place(path)?;
    Ok((listener, file))
}

/// A socket that is ready, under another name in the folder of its path: it gets its own with [`SocketFile::place`], when it
/// has its owner and permission, and listens. So no client finds it half made. `ours` is the one that it will replace.
pub(super) fn bind(
    path: &Path,
    options: &SocketOptions,
    ours: Option<Inode>,
) -> Result<(UnixListener, SocketFile), ListenError> {
    let user = options.user.as_ref().map(user_id).transpose()?;
    let group = options.group.as_ref().map(group_id).transpose()?;
    let is_ours = ours.is_some() && inode(path).ok() == ours;
    if !is_ours {
        refuse_unless_stale(path)?;
    }

    let unfinished = path.with_file_name(format!(".{}", process::id()));
    if refuse_unless_stale(&unfinished)? {
        fs::remove_file(&unfinished).map_err(system("remove", unfinished.display(), ""))?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)
        .and_then(|socket| {
            socket.bind(&SockAddr::unix(&unfinished)?)?;
            Ok(socket)
        })
        .map_err(|error| {
            let kind = error.kind();
            let why = refused(&error, path, Access::MakeSocket);
            let folder = path.parent().unwrap_or(path).display();
            system("make a socket in", folder, hint_for_folder(kind))(io::Error::new(kind, why))
        })?;
    let inode = inode(&unfinished).map_err(system("look at", unfinished.display(), ""))?;
    let file = SocketFile {
        path: unfinished,
        inode,
    };
    if user.is_some() || group.is_some() {
        chown(&file.path, user, group).map_err(system(
            "give the socket to its user and group:",
            path.display(),
            "; it takes root, or for the group to be a member (systemd: SupplementaryGroups=)",
        ))?;
    }
    // After chown(2), which can clear bits.
    if let Some(mode) = options.mode {
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode.0)).map_err(system(
            "set the permission of",
            path.display(),
            "",
        ))?;
    }
    listen(&socket).map_err(system("listen on", path.display(), ""))?;
    Ok((socket.into(), file))
}

/// Makes such a socket beside where it is to be, and removes it: whether the user of this process can.
///
/// # Errors
/// As for the daemon when it starts.
pub fn try_socket(path: &Path, options: &SocketOptions) -> Result<(), ListenError> {
    let beside = path.with_file_name(format!(".check.{}", process::id()));
    bind(&beside, options, None).map(drop)
}

/// Whether the user and the group of a socket file exist.
///
/// # Errors
/// One does not, or can't be looked up.
pub fn check_owner(address: &ListenAddress, options: &SocketOptions) -> Result<(), ListenError> {
    if let ListenAddress::Unix(_) = address {
        options.user.as_ref().map(user_id).transpose()?;
        options.group.as_ref().map(group_id).transpose()?;
    }
    Ok(())
}

fn hint_for_folder(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => {
            "; the folder must exist (systemd makes it with RuntimeDirectory=)"
        }
        io::ErrorKind::PermissionDenied => {
            "; the folder must be writable for the user that backstop runs as"
        }
        _ => "",
    }
}

/// True: there is a socket on which nobody answers, so it can be replaced. False: there is nothing.
fn refuse_unless_stale(path: &Path) -> Result<bool, ListenError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(system("look at", path.display(), "")(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(ListenError::NotASocket(path.to_owned()));
    }
    match knock(path).map_err(|error| (error.kind(), error)) {
        Err((io::ErrorKind::ConnectionRefused, _)) => Ok(true),
        Err((io::ErrorKind::NotFound, _)) => Ok(false),
        // EAGAIN: somebody listens, and is too busy to accept.
        Ok(()) | Err((io::ErrorKind::WouldBlock, _)) => Err(ListenError::Taken {
            address: format!("unix:{}", path.display()),
        }),
        Err((_, error)) => Err(system(
            "find out whether another process listens on",
            path.display(),
            "; if none does, remove the file",
        )(error)),
    }
}

fn knock(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

fn user_id(owner: &Owner) -> Result<u32, ListenError> {
    owner_id(owner, "user", "passwd", |name| {
        Ok(User::from_name(name)?.map(|user| user.uid.as_raw()))
    })
}

fn group_id(owner: &Owner) -> Result<u32, ListenError> {
    owner_id(owner, "group", "group", |name| {
        Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
    })
}

fn owner_id(
    owner: &Owner,
    kind: &'static str,
    database: &'static str,
    look_up: impl Fn(&str) -> nix::Result<Option<u32>>,
) -> Result<u32, ListenError> {
    let name = match owner {
        Owner::Id(id) => return Ok(*id),
        Owner::Name(name) => name,
    };
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    look_up(name)
        .map_err(|errno| system("look up the owner", name, "")(errno.into()))?
        .ok_or_else(|| ListenError::NoSuchOwner {
            kind,
            name: name.clone(),
            database,
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use tempfile::tempdir;

    use super::*;

    fn bind_plainly(path: &Path) -> Result<(UnixListener, SocketFile), ListenError> {
        bind_with(path, &SocketOptions::default())
    }

    fn bind_with(
        path: &Path,
        options: &SocketOptions,
    ) -> Result<(UnixListener, SocketFile), ListenError> {
        let (listener, mut file) = bind(path, options, None)?;
        file.place(path)?;
        Ok((listener, file))
    }

    #[test]
    fn a_socket_has_its_owner_and_permission_and_leaves_nothing_behind() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        let here = fs::metadata(folder.path()).unwrap();
        let name = Group::from_gid(here.gid().into()).unwrap().unwrap().name;
        let options = SocketOptions {
            mode: Some(SocketMode(0o620)),
            user: Some(Owner::Id(here.uid())),
            group: Some(Owner::Name(name)),
        };
        let bound = bind_with(&path, &options).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o620);
        assert_eq!(metadata.gid(), here.gid());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        UnixStream::connect(&path).unwrap();
        drop(bound);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(UnixStream::connect(&path).is_err());
        let _bound = bind_plainly(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_socket_that_answers_is_left_alone() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        let _other = UnixListener::bind(&path).unwrap();
        let error = bind_plainly(&path).unwrap_err();
        assert!(matches!(error, ListenError::Taken { .. }), "{error}");
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        fs::write(&path, "precious").unwrap();
        let error = bind_plainly(&path).unwrap_err();
        assert!(matches!(error, ListenError::NotASocket(_)), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_link_is_left_alone_wherever_it_leads() {
        let folder = tempdir().unwrap();
        let [path, file, stale] = ["s", "file", "stale"].map(|name| folder.path().join(name));
        fs::write(&file, "precious").unwrap();
        drop(UnixListener::bind(&stale).unwrap());
        for target in [&file, &stale, &folder.path().join("nowhere")] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            let error = bind_plainly(&path).unwrap_err();
            assert!(matches!(error, ListenError::NotASocket(_)), "{error}");
            assert_eq!(&fs::read_link(&path).unwrap(), target);
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        assert!(stale.exists());
    }

    #[test]
    fn another_instances_socket_is_not_removed() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        let (listener, file) = bind_plainly(&path).unwrap();
        drop(listener);
        let _next = bind_plainly(&path).unwrap();
        drop(file);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn another_of_ours_takes_the_place_when_it_is_told_to() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        let (_first, file) = bind_plainly(&path).unwrap();
        let options = SocketOptions {
            mode: Some(SocketMode(0o606)),
            ..SocketOptions::default()
        };
        let refused = bind(&path, &options, None).unwrap_err();
        assert!(matches!(refused, ListenError::Taken { .. }), "{refused}");
        // One that is not placed leaves all as it was.
        drop(bind(&path, &options, Some(file.inode())).unwrap());
        assert_eq!(inode(&path).unwrap(), file.inode());
        let (_second, mut next) = bind(&path, &options, Some(file.inode())).unwrap();
        assert_eq!(inode(&path).unwrap(), file.inode());
        next.place(&path).unwrap();
        drop(file);
        assert_eq!(inode(&path).unwrap(), next.inode());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o606);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn mistakes_are_explained() {
        let folder = tempdir().unwrap();
        let error = bind_plainly(&folder.path().join("missing/s")).unwrap_err();
        assert!(error.to_string().contains("RuntimeDirectory="), "{error}");
        let options = SocketOptions {
            group: Some(Owner::Name("no-such-group".into())),
            ..SocketOptions::default()
        };
        let error = bind_with(&folder.path().join("s"), &options).unwrap_err();
        assert!(error.to_string().contains("getent group"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
