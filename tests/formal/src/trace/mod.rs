//! Traces: operations that the policy and the proved model both carry out.
