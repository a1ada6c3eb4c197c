//! Sets Backstop up for the mail system of this host. [`gather`] reads the MTA into [`facts`], [`decide`] makes a plan of
//! them, and [`apply`] writes it, and takes it back.

pub mod apply;
pub mod backscatter;
pub mod decide;
pub mod facts;
pub mod gather;
mod ldap_query;
mod leaving;
mod lines;
mod machine;
mod mail_log;
mod map_file;
mod master;
mod private;
mod sendmail;
mod settings;
mod sql_query;
mod text_map;
mod time;

use crate::directory::table;

pub use leaving::{Leaving, leaving};
pub use machine::Machine;
