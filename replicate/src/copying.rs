//! What a load needs that goes before a stream.
//!
//! A load copies the tables of a stream whole, from a state of the origin at a
//! place in its log, and the stream goes on from there. It uses the stream's own
//! mapping, so that a row is the same whether it was copied or streamed; and it
//! writes the first progress row in the transaction that ends it, in place of
//! [`Stream::arm`].

use std::sync::Arc;

use switchback_engines::fit::Unfit;
use switchback_engines::{Armed, CaptureRequest, Endpoint, Image, KeyValues, OwnedValue, Position, Table, Writer};

use crate::doings;
use crate::error::Result;
use crate::failpoint::reached;
use crate::own;
use crate::plan::{Mapped, Plan};
use crate::progress::{Progress, ProgressTable};
use crate::spec::Spec;
use crate::stream::Stream;

impl Stream {
    #[must_use]
    pub fn origin(&self) -> &Arc<dyn Endpoint> {
        &self.origin
    }

    #[must_use]
    pub fn sink(&self) -> &Arc<dyn Endpoint> {
        &self.sink
    }

    /// Makes our own tables on both sides, and makes sure that no table of the sink
    /// does anything by itself.
    pub async fn prepare(&self) -> Result<()> {
        for end in [&self.origin, &self.sink] {
            let mut writer = self.writer(end).await?;
            for statement in own::create(end.info().engine) {
                writer.run(&[statement]).await.map_err(|failed| failed.error)?;
            }
            writer.close().await?;
        }
        let mut writer = self.writer(&self.sink).await?;
        doings::refuse(writer.as_mut(), &self.plan).await?;
        Ok(writer.close().await?)
    }

    /// Arms the origin alone: [`Stream::first_progress`] has to be run before the
    /// stream can be.
    pub async fn arm_origin(&self) -> Result<Armed> {
        let armed = self.origin.arm(&self.request().await?).await?;
        reached("after-arm");
        Ok(armed)
    }

    /// Removes what [`Stream::arm_origin`] made.
    pub async fn disarm_origin(&self) -> Result<Vec<String>> {
        Ok(self.origin.disarm(&self.request().await?).await?)
    }

    /// The statement that lets the stream begin behind `position`, where the sink is.
    #[must_use]
    pub fn first_progress(&self, incarnation: &str, position: &Position) -> String {
        ProgressTable::new(self.sink.info(), &self.spec.name).insert(&Progress::first(incarnation, position))
    }

    /// What is captured: the tables of the [`Spec`] in their order, and some of our
    /// own behind them.
    pub async fn capture_request(&self) -> Result<CaptureRequest> {
        self.request().await
    }

    /// A session at the sink, as the stream's own are.
    pub async fn sink_writer(&self) -> Result<Box<dyn Writer>> {
        self.writer(&self.sink).await
    }

    /// How the rows of each table become the sink's, in the order of the [`Spec`].
    #[must_use]
    pub fn table_maps(&self) -> Vec<TableMap> {
        let map = |table| TableMap { plan: Arc::clone(&self.plan), spec: Arc::clone(&self.spec), table };
        (0..self.plan.tables.len().min(self.spec.tables.len())).map(map).collect()
    }
}

/// How the rows of one table of a stream become rows of the sink.
///
/// A *place* is one of the columns that arrive, in the sink's order of them.
#[derive(Debug, Clone)]
pub struct TableMap {
    plan: Arc<Plan>,
    spec: Arc<Spec>,
    table: usize,
}

impl TableMap {
    #[expect(clippy::indexing_slicing, reason = "made for the tables that are there, and they stay")]
    fn mapped(&self) -> &Mapped {
        &self.plan.tables[self.table]
    }

    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "made for the tables that are there, and they stay")]
    pub fn origin(&self) -> &Table {
        &self.spec.tables[self.table].origin
    }

    #[must_use]
    pub fn sink(&self) -> &Table {
        &self.mapped().sink
    }

    /// The origin's column of each place, by positions in its [`Table::columns`].
    #[must_use]
    pub fn origin_columns(&self) -> Vec<usize> {
        let image = switchback_engines::capture::columns(self.origin());
        let mapped = self.mapped();
        (0..mapped.columns.len()).filter_map(|place| image.get(mapped.from(place)?).copied()).collect()
    }

    /// The sink's column of each place, likewise.
    #[must_use]
    pub fn sink_columns(&self) -> &[usize] {
        &self.mapped().columns
    }

    /// The places that a row is found by; none where only all of it tells it from
    /// others.
    #[must_use]
    pub fn identity(&self) -> &[usize] {
        &self.mapped().identity
    }

    /// The same columns at the origin.
    #[must_use]
    pub fn origin_key(&self) -> Vec<usize> {
        let columns = self.origin_columns();
        self.identity().iter().filter_map(|&place| columns.get(place).copied()).collect()
    }

    /// Whether every value is right as it is.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let mapped = self.mapped();
        (0..mapped.columns.len()).all(|place| mapped.is_same(place))
    }

    /// The sink's value for the one that the origin has in a place.
    ///
    /// # Errors
    /// When the sink's column can't hold it; the value itself is not told.
    pub fn fit(&self, place: usize, value: OwnedValue) -> std::result::Result<OwnedValue, Unfit> {
        self.mapped().fit(place, value)
    }

    /// The key in an image of the origin's log; `None` where the log has not all of
    /// it, or no lookup finds it, as it holds a NULL.
    #[must_use]
    pub fn key_of(&self, image: &Image) -> Option<KeyValues> {
        let mapped = self.mapped();
        let value = |&place: &usize| image.get(mapped.from(place)?)?.clone().filter(|value| !value.is_null());
        mapped.identity.iter().map(value).collect()
    }

    /// A key as text, for people.
    #[must_use]
    pub fn key_text(&self, key: &[OwnedValue]) -> String {
        let mapped = self.mapped();
        let text = |(&place, value): (&usize, &OwnedValue)| {
            let text = switchback_engines::display::text(value).unwrap_or_else(|| "NULL".to_owned());
            format!("{}={text}", mapped.cell_name(place))
        };
        mapped.identity.iter().zip(key).map(text).collect::<Vec<_>>().join(", ")
    }
}
