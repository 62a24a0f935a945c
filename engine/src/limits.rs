//! Every bound of the engine with its reason, and the relations between them. A limit is a promise: memory for it is
//! allocated at the start, and what would exceed it is refused as data.

/// Instruments of one engine: three broker sockets carry 9,000, one carries 3,000; more is a second engine.
pub const INSTRUMENTS_MAX: usize = 4_096;

/// Orders that may be open at once. Cancelling them all at the broker's 8 orders a second must fit a kill: 32 s.
pub const OPEN_ORDERS_MAX: usize = 256;

/// Execution reports of one order that may be under way to the sequencer; further changes merge into the next report.
pub const REPORTS_PER_ORDER_MAX: usize = 4;

/// Reports one step of the venue can make: one per open order, and one for the order that the step refused.
pub const REPORTS_PER_STEP_MAX: usize = OPEN_ORDERS_MAX + 1;

/// Execution reports that may be under way to the sequencer, of all orders together.
pub const PENDING_REPORTS_MAX: usize = OPEN_ORDERS_MAX * REPORTS_PER_ORDER_MAX;

/// Requests that may be under way to a venue that takes its time to act: of every open order one that is on its way and
/// one behind it. One that finds no room is refused.
pub const REQUESTS_OPEN_MAX: usize = 2 * OPEN_ORDERS_MAX;

/// Endogenous events one step of the venue can make: its reports, and a wake-up for each request it took.
pub const ENDOGENOUS_PER_STEP_MAX: usize = REPORTS_PER_STEP_MAX + REQUESTS_OPEN_MAX;

/// Room for endogenous events that were made but not yet sequenced: reports, and a wake-up for each open request.
pub const PENDING_MAX: usize = PENDING_REPORTS_MAX + REQUESTS_OPEN_MAX;

/// Events one call of any stage may emit. Work that needs more continues in further calls of the same step.
pub const EMIT_MAX: usize = 48;

/// Inputs that may be released and not yet finished at the venue; the sequencer waits at this bound.
pub const IN_FLIGHT_MAX: usize = 8_192;

/// Inputs between two state hashes.
pub const CHECKPOINT_INPUTS: u64 = 4_096;

/// Strategy instances of one engine.
pub const STRATEGIES_MAX: usize = 256;

const _: () = assert!(IN_FLIGHT_MAX.is_power_of_two(), "the in-flight table is indexed by mask");
const _: () = assert!(ENDOGENOUS_PER_STEP_MAX <= PENDING_MAX);
const _: () = assert!(OPEN_ORDERS_MAX <= crate::units::OrderId::PER_STEP_MAX as usize);
