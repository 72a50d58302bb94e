//! A small world around the real policy, for exhaustive exploration.
