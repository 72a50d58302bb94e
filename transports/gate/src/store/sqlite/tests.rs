//! What can only be seen from inside: the writer's batches and failures.
