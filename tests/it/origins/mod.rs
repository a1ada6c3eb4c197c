//! A laboratory of real MTAs: bots send in our name, MTAs of strangers bounce it, and the report says who sent.

mod hosts;
mod mtas;
