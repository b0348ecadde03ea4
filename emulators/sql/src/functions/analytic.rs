//! Functions that need `OVER`: numbers of rows, values of other rows, percentiles. Each sees a whole
//! partition in the window's order and answers for every row of it.

mod navigation;
mod numbering;
mod percentile;

use super::AnalyticFunction;

/// The functions, a list for each module.
pub(super) const LISTS: &[&[AnalyticFunction]] =
    &[numbering::FUNCTIONS, navigation::FUNCTIONS, percentile::FUNCTIONS];

/// Whether a function that knows `IGNORE NULLS` does so unless the call says `RESPECT NULLS`.
pub(crate) fn ignores_nulls_by_default(name: &str) -> bool {
    matches!(name, "PERCENTILE_CONT" | "PERCENTILE_DISC")
}

#[cfg(test)]
mod fixture {
    use crate::error::Result;
    use crate::functions::{Call, Partition};
    use crate::session::Session;
    use crate::sql_type::Type;
    use crate::value::Value;

    /// A function over a partition whose arguments are given by argument and row. Rows are peers when
    /// their order keys are equal, which must be in order; the frames are the default ones.
    pub(super) fn analytic(
        name: &str,
        ignore_nulls: bool,
        order: &[i64],
        args: &[Vec<Value>],
    ) -> Result<Vec<Value>> {
        let session = Session::new("project", 0, 0);
        let call = Call { session: &session, args: &[], result: &Type::Int64, signature: 0 };
        let keys = [order.iter().map(|key| Value::Int64(*key)).collect()];
        let peers = crate::window::peers(order.len(), &keys);
        let frames: Vec<_> = peers.iter().map(|(_, past_last)| (0, *past_last)).collect();
        let partition =
            Partition { rows: order.len(), args, peers: &peers, frames: &frames, ignore_nulls };
        (crate::functions::analytic(name)[0].call)(&call, &partition)
    }
}
