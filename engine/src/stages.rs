//! The pure stages, in pipeline order.

pub mod bars;
pub mod decoder;
pub mod live_venue;
pub mod matcher;
pub mod risk;
pub mod strategy;
pub mod venue;
