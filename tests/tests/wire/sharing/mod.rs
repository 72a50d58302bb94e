//! Connections that are shared: who writes, who hears, and how they end, over both transports.

mod apart;
mod house;
mod together;
