//! What a stream does at the same time, each with a task of its own.
//!
//! [`capturing`] → [`grouping`] → [`applying`], with bounded room between them;
//! [`heartbeat`] and [`looking`] beside them.

pub(crate) mod applying;
pub(crate) mod capturing;
pub(crate) mod grouping;
pub(crate) mod heartbeat;
pub(crate) mod looking;
