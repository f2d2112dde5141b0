//! Measurements that back every speed claim.
