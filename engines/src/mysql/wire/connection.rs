//! One connection: statements and their results.

use std::borrow::Cow;

use tokio::net::TcpSocket;

use super::channel::{Channel, Rows, Stream};
use super::cursor::Cursor;
use super::handshake::{Agreement, Purpose, shake_hands};
use super::packet::{ColumnDefinition, Ending, ends_rows, mark};
use super::tls::Tls;
use super::{WireError, WireResult};
use crate::batch::RawBatch;
use crate::mysql::login::Login;

mod command {
    pub(super) const QUIT: u8 = 1;
    pub(super) const QUERY: u8 = 3;
    pub(super) const PING: u8 = 14;
    pub(super) const BINLOG_DUMP: u8 = 18;
    pub(super) const PREPARE: u8 = 22;
    pub(super) const EXECUTE: u8 = 23;
    pub(super) const CLOSE_STATEMENT: u8 = 25;
    pub(super) const BINLOG_DUMP_GTID: u8 = 30;
}

/// A small result: text cells, as the catalog gives them.
#[derive(Debug, Default)]
pub(in crate::mysql) struct Grid {
    pub(in crate::mysql) columns: Vec<String>,
    pub(in crate::mysql) rows: Vec<Vec<Option<String>>>,
}

/// A connection that is logged in.
///
/// A method that fails, or is dropped before it is done, leaves it in the
/// middle of something: [`Connection::is_clean`] is `false` then, and it can
/// only be closed. An error that the server reports is an answer like another.
pub(in crate::mysql) struct Connection {
    channel: Channel,
    agreement: Agreement,
    /// The longest statement that the server takes.
    statement_bytes_max: usize,
    /// The statement whose rows are on their way.
    running: Option<u32>,
    clean: bool,
}

/// Until the server has said what it takes. Only what pins the session is sent
/// by then.
const STATEMENT_BYTES_FIRST: usize = 16 << 10;

/// Of a packet of what is loaded: less than any server takes.
const FILL_BYTES: usize = 256 << 10;

impl Connection {
    pub(in crate::mysql) async fn open(login: &Login, tls: &Tls, purpose: Purpose<'_>) -> WireResult<Self> {
        let (stream, local): (Box<dyn Stream>, bool) = match &login.socket {
            #[cfg(unix)]
            Some(path) => (Box::new(tokio::net::UnixStream::connect(path).await?), true),
            #[cfg(not(unix))]
            Some(_) => return Err(WireError::Io(std::io::ErrorKind::Unsupported.into())),
            None => (Box::new(connect_tcp(&login.host, login.port).await?), false),
        };
        let mut channel = Channel::new(stream);
        let agreement = shake_hands(&mut channel, login, tls, local, purpose).await?;
        Ok(Self::over(channel, agreement))
    }

    /// A connection that has been logged in.
    pub(in crate::mysql) fn over(channel: Channel, agreement: Agreement) -> Self {
        Self { channel, agreement, statement_bytes_max: STATEMENT_BYTES_FIRST, running: None, clean: true }
    }

    /// Whether nothing is under way, so that somebody else can have it.
    pub(in crate::mysql) fn is_clean(&self) -> bool {
        self.clean
    }

    pub(in crate::mysql) fn set_statement_bytes_max(&mut self, bytes: usize) {
        self.statement_bytes_max = bytes;
    }

    /// Takes leave, so that the server doesn't log a lost connection.
    pub(in crate::mysql) async fn quit(mut self) {
        if self.clean {
            self.channel.restart();
            // It is the server that closes; whether it still heard us is of no
            // consequence.
            let _ = self.channel.send(&[command::QUIT]).await;
        }
    }

    pub(in crate::mysql) async fn ping(&mut self) -> WireResult<()> {
        self.command(command::PING, &[]).await?;
        self.answer().await?;
        self.clean = true;
        Ok(())
    }

    /// Runs a statement whose result is small or none, over the text protocol.
    pub(in crate::mysql) async fn query(&mut self, sql: &str) -> WireResult<Grid> {
        self.begin(sql).await?;
        let (grid, ending) = self.next_result().await?;
        if ending.has_more() {
            self.clean = false;
            return Err(WireError::Protocol("one statement has several results"));
        }
        Ok(grid)
    }

    /// Sends statements, joined by `;` where the connection is one that may, over
    /// the text protocol. [`Connection::next_result`] gives the result of each, and
    /// must be called for as long as there are more.
    pub(in crate::mysql) async fn begin(&mut self, sql: &str) -> WireResult<()> {
        self.command(command::QUERY, sql.as_bytes()).await
    }

    /// Begins a statement that loads what [`Connection::fill`] sends until
    /// [`Connection::end_fill`]. Only here the server is given what it asks for by
    /// the name of a file, whatever that name is, and it is never a file.
    pub(in crate::mysql) async fn begin_fill(&mut self, sql: &str) -> WireResult<()> {
        self.begin(sql).await?;
        match self.answer().await?.first() {
            Some(&mark::LOCAL_FILE) => Ok(()),
            _ => Err(WireError::Protocol("it does not ask for what is to be loaded")),
        }
    }

    pub(in crate::mysql) async fn fill(&mut self, bytes: &[u8]) -> WireResult<()> {
        for piece in bytes.chunks(FILL_BYTES) {
            self.channel.send(piece).await?;
        }
        Ok(())
    }

    pub(in crate::mysql) async fn end_fill(&mut self) -> WireResult<Ending> {
        // Nothing at all is the end.
        self.channel.send(&[]).await?;
        let (_, ending) = self.next_result().await?;
        Ok(ending)
    }

    /// The longest that [`Connection::begin`] takes.
    pub(in crate::mysql) fn statement_bytes_max(&self) -> usize {
        self.statement_bytes_max.saturating_sub(1)
    }

    /// The result of the next of the statements that were begun. An error is the
    /// last result.
    pub(in crate::mysql) async fn next_result(&mut self) -> WireResult<(Grid, Ending)> {
        let head = self.answer().await?;
        match head.first() {
            Some(&mark::OK) => return self.ended(Grid::default(), Ending::parse(&head)?),
            Some(&mark::LOCAL_FILE) => return Err(WireError::Protocol("it asks for a file")),
            _ => {}
        }
        let definitions = self.definitions(&head).await?;
        let mut grid = Grid { columns: definitions.into_iter().map(|d| d.name).collect(), rows: Vec::new() };
        loop {
            let packet = self.answer().await?;
            if ends_rows(&packet, self.agreement.deprecate_eof) {
                return self.ended(grid, Ending::of_rows(&packet, self.agreement.deprecate_eof)?);
            }
            let mut cursor = Cursor::new(&packet);
            let row: Option<Vec<_>> = (0..grid.columns.len()).map(|_| text_cell(&mut cursor)).collect();
            grid.rows.push(row.ok_or(WireError::Protocol("a row of text is cut short"))?);
        }
    }

    fn ended(&mut self, grid: Grid, ending: Ending) -> WireResult<(Grid, Ending)> {
        self.clean = !ending.has_more();
        Ok((grid, ending))
    }

    /// Prepares and starts a statement; its rows come from
    /// [`Connection::next_rows`] until that says that they are the last.
    pub(in crate::mysql) async fn start(&mut self, sql: &str) -> WireResult<Vec<ColumnDefinition>> {
        self.command(command::PREPARE, sql.as_bytes()).await?;
        let prepared = Prepared::parse(&self.answer().await?)?;
        for count in [prepared.parameters, prepared.columns] {
            self.read_definitions(u64::from(count)).await?;
        }
        if prepared.parameters > 0 {
            self.close_statement(prepared.id).await?;
            return Err(WireError::Placeholder);
        }
        // Without parameters there follow a cursor type, none, and a count, 1.
        let execute = [prepared.id.to_le_bytes().as_slice(), &[0], &1u32.to_le_bytes()].concat();
        self.command(command::EXECUTE, &execute).await?;
        let head = match self.answer().await {
            Err(error @ WireError::Server(_)) => {
                self.close_statement(prepared.id).await?;
                return Err(error);
            }
            head => head?,
        };
        self.running = Some(prepared.id);
        self.definitions(&head).await
    }

    /// The next rows of the statement that was started, and whether they are
    /// the last.
    pub(in crate::mysql) async fn next_rows(&mut self) -> WireResult<(RawBatch, bool)> {
        let rows = self.channel.rows(self.agreement.deprecate_eof).await;
        if matches!(rows, Ok(Rows::Last(_)) | Err(WireError::Server(_)))
            && let Some(id) = self.running.take()
        {
            self.close_statement(id).await?;
        }
        match rows? {
            Rows::Some(batch) => Ok((batch, false)),
            Rows::Last(batch) => Ok((batch, true)),
        }
    }

    /// Asks for the binary log; from then on the connection is of use for
    /// [`Connection::event`] alone.
    pub(in crate::mysql) async fn dump(&mut self, request: &Dump<'_>) -> WireResult<()> {
        /// End when there is nothing more, instead of waiting for it.
        const TO_THE_END: u16 = 1;
        let flags = if request.to_the_end { TO_THE_END } else { 0 }.to_le_bytes();
        let id = request.server_id.to_le_bytes();
        /// Where the first event of every file is.
        const START: u8 = 4;
        match request.gtids {
            Some(gtids) => {
                /// What was seen comes as a set, not as a file.
                const BY_SET: u16 = 4;
                let flags = (u16::from_le_bytes(flags) | BY_SET).to_le_bytes();
                let len = u32::try_from(gtids.len()).unwrap_or(u32::MAX).to_le_bytes();
                let body = [&flags[..], &id, &[0; 4], &u64::from(START).to_le_bytes(), &len, gtids].concat();
                self.command(command::BINLOG_DUMP_GTID, &body).await
            }
            None => {
                let body = [&u32::from(START).to_le_bytes()[..], &flags, &id].concat();
                self.command(command::BINLOG_DUMP, &body).await
            }
        }
    }

    /// The next event of the log, if all of it is here already.
    pub(in crate::mysql) fn event(&mut self) -> WireResult<Option<DumpedEvent<'_>>> {
        Ok(match self.channel.buffered()? {
            None => None,
            Some(packet) if packet.first() == Some(&mark::END) && packet.len() < 9 => Some(DumpedEvent::End),
            Some(Cow::Borrowed([mark::OK, event @ ..])) => Some(DumpedEvent::Event(Cow::Borrowed(event))),
            Some(Cow::Owned(mut packet)) if packet.first() == Some(&mark::OK) => {
                packet.remove(0);
                Some(DumpedEvent::Event(Cow::Owned(packet)))
            }
            Some(_) => return Err(WireError::Protocol("there is something else among the events")),
        })
    }

    /// Waits for more of the log. May be dropped while it waits.
    pub(in crate::mysql) async fn more_events(&mut self) -> WireResult<()> {
        self.channel.more().await
    }

    /// Sends a command; what comes back must be read before the next one.
    async fn command(&mut self, command: u8, body: &[u8]) -> WireResult<()> {
        if body.len() >= self.statement_bytes_max {
            return Err(WireError::StatementTooLong { bytes: body.len(), bytes_max: self.statement_bytes_max });
        }
        self.clean = false;
        self.channel.restart();
        self.channel.send(&[&[command], body].concat()).await
    }

    /// A packet of the answer. An error ends the answer.
    async fn answer(&mut self) -> WireResult<Vec<u8>> {
        let packet = self.channel.receive().await;
        if matches!(packet, Err(WireError::Server(_))) {
            self.clean = true;
        }
        packet
    }

    /// Nothing comes back for this one.
    async fn close_statement(&mut self, id: u32) -> WireResult<()> {
        self.command(command::CLOSE_STATEMENT, &id.to_le_bytes()).await?;
        self.clean = true;
        Ok(())
    }

    /// The definitions that `head`, the first packet of a result, announces.
    async fn definitions(&mut self, head: &[u8]) -> WireResult<Vec<ColumnDefinition>> {
        match Cursor::new(head).length() {
            Some(count) if count > 0 => self.read_definitions(count).await,
            _ => Err(WireError::Protocol("there is no result")),
        }
    }

    async fn read_definitions(&mut self, count: u64) -> WireResult<Vec<ColumnDefinition>> {
        let mut definitions = Vec::new();
        for _ in 0..count {
            definitions.push(ColumnDefinition::parse(&self.answer().await?)?);
        }
        if count > 0 && !self.agreement.deprecate_eof {
            self.answer().await?;
        }
        Ok(definitions)
    }
}

/// What to send of the binary log.
pub(in crate::mysql) struct Dump<'a> {
    /// By this the server tells its readers apart.
    pub(in crate::mysql) server_id: u32,
    /// The transactions not to send, as MySQL has them; `None` for MariaDB, which is
    /// told so before.
    pub(in crate::mysql) gtids: Option<&'a [u8]>,
    pub(in crate::mysql) to_the_end: bool,
}

pub(in crate::mysql) enum DumpedEvent<'a> {
    Event(Cow<'a, [u8]>),
    /// There is no more, and was asked for no more.
    End,
}

/// The answer to PREPARE.
struct Prepared {
    id: u32,
    columns: u16,
    parameters: u16,
}

impl Prepared {
    fn parse(packet: &[u8]) -> WireResult<Self> {
        Self::read(packet).ok_or(WireError::Protocol("the answer to PREPARE is none"))
    }

    fn read(packet: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(packet);
        if cursor.byte()? != mark::OK {
            return None;
        }
        Some(Self { id: cursor.u32()?, columns: cursor.u16()?, parameters: cursor.u16()? })
    }
}

/// What the catalog says is UTF-8; a name that isn't can't be asked for either.
fn text_cell(cursor: &mut Cursor<'_>) -> Option<Option<String>> {
    Some(match cursor.text_cell()? {
        Some(bytes) => Some(String::from_utf8(bytes.to_vec()).ok()?),
        None => None,
    })
}

/// The first address of `host` that answers. Keep-alive, because a server that
/// is gone without a word would otherwise be waited for forever.
async fn connect_tcp(host: &str, port: u16) -> std::io::Result<tokio::net::TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_keepalive(true)?;
        match socket.connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
