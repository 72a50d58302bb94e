//! The catalog in the formats that other tools read.
