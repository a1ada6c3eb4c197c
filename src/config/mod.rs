//! stub
use crate::{
    core::policy::Policy,
    directory::DomainSources,
    dns::Settings,
    filter::{Address, SocketOptions},
};
/// stub
#[derive(Debug, Clone)]
pub struct Config {
    /// s
    pub policy: Policy,
    /// s
    pub dns: Settings,
    /// s
    pub listen: Address,
    /// s
    pub socket: SocketOptions,
    /// s
    pub log: Log,
    /// s
    pub warnings: Vec<String>,
    /// s
    pub directory: Vec<DomainSources>,
}
/// s
#[derive(Debug, Clone)]
pub struct Log {
    /// s
    pub level: log::LevelFilter,
}
/// s
pub fn load(_: &std::path::Path) -> Result<Config, String> {
    Ok(Config {
        policy: Policy {
            mode: crate::core::verdict::Mode::Enforce,
            local: Default::default(),
            exempt: Default::default(),
            spf: Default::default(),
            forgery: Default::default(),
            null_sender: Default::default(),
            recipients: vec![],
        },
        dns: Settings::default(),
        listen: "inet:8894@127.0.0.1"
            .parse()
            .unwrap_or(Address::Unix("/tmp/x".into())),
        socket: Default::default(),
        log: Log {
            level: log::LevelFilter::Info,
        },
        warnings: vec![],
        directory: vec![],
    })
}
impl Config {
    /// s
    pub fn summary(&self) -> Vec<String> {
        vec![]
    }
}
