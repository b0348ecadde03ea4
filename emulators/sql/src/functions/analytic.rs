//! Functions that need `OVER`: numbers of rows, values of other rows, percentiles. Each sees a
//! whole partition in the window's order and answers for every row of it.

mod navigation;
mod numbering;
mod percentile;

use super::AnalyticFunction;
use crate::ast::NullTreatment;

/// The functions, a list for each module.
pub(super) const LISTS: &[&[AnalyticFunction]] =
    &[numbering::FUNCTIONS, navigation::FUNCTIONS, percentile::FUNCTIONS];

/// Whether a window is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowOrder {
    /// `ORDER BY` must be there.
    Required,
    /// It may be.
    Optional,
    /// It must not be.
    Forbidden,
}

/// What `OVER` and the call may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowRules {
    pub(crate) order: WindowOrder,
    /// Whether a frame may be given.
    pub(crate) framed: bool,
    /// What holds when the call says neither `IGNORE NULLS` nor `RESPECT NULLS`; `None` when it may
    /// not say either.
    pub(crate) nulls: Option<NullTreatment>,
}

/// The rules of a function of this folder, by its name in upper case.
pub(crate) fn window_rules(name: &str) -> WindowRules {
    let (order, framed, nulls) = match name {
        "ROW_NUMBER" => (WindowOrder::Optional, false, None),
        "FIRST_VALUE" | "LAST_VALUE" | "NTH_VALUE" => {
            (WindowOrder::Required, true, Some(NullTreatment::Respect))
        }
        "PERCENTILE_CONT" | "PERCENTILE_DISC" => {
            (WindowOrder::Forbidden, false, Some(NullTreatment::Ignore))
        }
        _ => (WindowOrder::Required, false, None),
    };
    WindowRules { order, framed, nulls }
}

#[cfg(test)]
mod fixture {
    use crate::error::Result;
    use crate::functions::{Call, Partition};
    use crate::session::Session;
    use crate::value::Value;

    /// A function over a partition whose arguments are given by argument and row. Rows are peers
    /// when their order keys are equal, which must be in order; the frames are the default ones.
    pub(super) fn analytic(
        name: &str,
        ignore_nulls: bool,
        order: &[i64],
        args: &[Vec<Value>],
    ) -> Result<Vec<Value>> {
        let session = Session::new("project", 0, 0);
        let call = Call { session: &session, args: &[] };
        let keys = [order.iter().map(|key| Value::Int64(*key)).collect()];
        let peers = crate::window::peers(order.len(), &keys);
        let frames: Vec<_> = peers.iter().map(|(_, past_last)| (0, *past_last)).collect();
        let partition =
            Partition { rows: order.len(), args, peers: &peers, frames: &frames, ignore_nulls };
        (crate::functions::analytic(name)[0].call)(&call, &partition)
    }
}
