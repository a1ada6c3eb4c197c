//! floor SOCKET JSON: a filter that accepts everything and negotiates as the JSON says, with Backstop's runtime and flags.
//! SOCKET is `unix:PATH` or `inet:PORT@HOST`, as in milter.yaml.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, Error},
};

// For its allocator.
use backstop as _;
use load::floor::Floor;
use milter::EitherListener;
use tokio::net::{TcpListener, UnixListener};

fn main() -> io::Result<()> {
    let usage = || Error::other("usage: floor SOCKET JSON");
    let mut arguments = env::args().skip(1);
    let socket = arguments.next().ok_or_else(usage)?;
    let floor: Floor = serde_json::from_str(&arguments.next().ok_or_else(usage)?)?;
    // The same as in Backstop's src/cli/mod.rs and src/cli/run.rs.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = match socket.split_once(':').ok_or_else(usage)? {
            ("unix", path) => EitherListener::Unix(UnixListener::bind(path)?),
            (_, address) => {
                let (port, host) = address.split_once('@').ok_or_else(usage)?;
                EitherListener::Tcp(TcpListener::bind(format!("{host}:{port}")).await?)
            }
        };
        tokio::spawn(floor.serve(listener)).await?
    })
}
