//! The threat catalog with its requirements, evidence and exports.
