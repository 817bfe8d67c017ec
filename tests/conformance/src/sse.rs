//! A strict parser for the streams of this hub.
//!
//! A browser forgives: it skips unknown fields, takes any line break and lets the last of two ids win. This
//! parser forgives nothing that a well-formed stream of the hub would not contain, so that a forged field, a
//! torn frame or a sloppy encoder is an error at the very byte, and not an event that happens to be missing.

use std::fmt;

/// What stands between two empty lines of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The `id` field.
    pub id: Option<String>,
    /// The `event` field.
    pub event: Option<String>,
    /// The `data` fields, joined by LF.
    pub data: Option<String>,
    /// The `retry` field.
    pub retry: Option<u64>,
    /// The comments, without their colon.
    pub comments: Vec<String>,
    /// The names of the fields in their order; a comment has the empty name.
    pub order: Vec<&'static str>,
}

impl Block {
    /// Whether a browser fires an event for this block.
    pub fn is_event(&self) -> bool {
        self.data.is_some()
    }

    /// The name under which a browser fires the event.
    pub fn name(&self) -> &str {
        self.event.as_deref().unwrap_or("message")
    }

    /// The data, empty where there is none.
    pub fn text(&self) -> &str {
        self.data.as_deref().unwrap_or_default()
    }

    /// Whether the block tells a cursor and nothing else.
    pub fn is_cursor(&self) -> bool {
        self.id.is_some() && self.event.is_none() && self.data.is_none() && self.retry.is_none()
    }

    /// Whether the block holds comments and nothing else.
    pub fn is_comment(&self) -> bool {
        self.order.iter().all(|name| name.is_empty())
    }
}

/// An id of the hub: a position in a named log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Milliseconds and the counter inside them: what ids of one log are ordered by.
    pub place: (u64, u64),
    /// The name of the log.
    pub log: String,
}

impl Position {
    /// Reads `ms-seq-log`.
    ///
    /// # Errors
    /// If the text is anything else.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut parts = text.split('-');
        let (ms, seq, log) = (parts.next(), parts.next(), parts.next());
        let number =
            |part: Option<&str>| part.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok();
        match (number(ms), number(seq), log, parts.next()) {
            (Some(ms), Some(seq), Some(log), None)
                if !log.is_empty() && log.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
            {
                Ok(Self { place: (ms, seq), log: log.to_owned() })
            }
            _ => malformed(format!("the id {text:?} is not ms-seq-log")),
        }
    }
}

/// Where an event stands in its log.
///
/// # Panics
/// If the text is no id.
pub fn place(id: &str) -> (u64, u64) {
    Position::parse(id).expect("an id is ms-seq-log").place
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", self.place.0, self.place.1, self.log)
    }
}

/// What a well-formed stream of the hub does not contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// A refusal, for the expression that finds it.
pub(crate) fn malformed<T>(what: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed(what.into()))
}

/// The parser: bytes in, blocks out.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    block: Block,
    closing: bool,
}

impl Parser {
    /// Takes the next bytes of the stream and gives the blocks that they complete.
    ///
    /// # Errors
    /// At the first line that a well-formed stream would not contain.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Block>, Malformed> {
        let mut blocks = Vec::new();
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            self.line.extend_from_slice(line);
            let line = std::mem::take(&mut self.line);
            if line.is_empty() {
                blocks.push(self.dispatch()?);
            } else {
                self.field(line)?;
            }
        }
        self.line.extend_from_slice(bytes);
        Ok(blocks)
    }

    /// Says that the server ended the stream here.
    ///
    /// # Errors
    /// If it did so in the middle of a block.
    pub fn finish(&self) -> Result<(), Malformed> {
        if self.line.is_empty() && self.block.order.is_empty() {
            return Ok(());
        }
        malformed(format!(
            "the stream was ended inside a block: {:?} after {:?}",
            String::from_utf8_lossy(&self.line),
            self.block
        ))
    }

    fn field(&mut self, line: Vec<u8>) -> Result<(), Malformed> {
        let Ok(line) = String::from_utf8(line) else {
            return malformed("a line is not UTF-8");
        };
        if line.contains('\r') {
            return malformed(format!("a line holds a carriage return: {line:?}"));
        }
        let Some((name, value)) = line.split_once(':') else {
            return malformed(format!("a line has no colon: {line:?}"));
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => {
                self.block.comments.push(value.to_owned());
                self.block.order.push("");
                return Ok(());
            }
            "id" => {
                Position::parse(value)?;
                once(&mut self.block.id, value.to_owned(), "id")?;
                self.block.order.push("id");
            }
            "event" if value.is_empty() || value.contains('\0') => {
                return malformed(format!("an event is named {value:?}"));
            }
            "event" => {
                let reserved = ["hub:connected", "hub:gap", "hub:closing"];
                if value.starts_with("hub:") && !reserved.contains(&value) {
                    return malformed(format!("the hub has no event {value:?}"));
                }
                once(&mut self.block.event, value.to_owned(), "event")?;
                self.block.order.push("event");
            }
            "data" => {
                match &mut self.block.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.block.data = Some(value.to_owned()),
                }
                self.block.order.push("data");
            }
            "retry" => match value.parse() {
                Ok(retry) if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                    once(&mut self.block.retry, retry, "retry")?;
                    self.block.order.push("retry");
                }
                _ => return malformed(format!("retry is {value:?}")),
            },
            _ => return malformed(format!("no field is called {name:?}")),
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Result<Block, Malformed> {
        let block = std::mem::take(&mut self.block);
        if block.order.is_empty() {
            return malformed("two empty lines follow each other");
        }
        if self.closing {
            return malformed(format!("after hub:closing comes {block:?}"));
        }
        if block.event.is_some() && !block.is_event() {
            return malformed(format!("an event without data fires nothing: {block:?}"));
        }
        if block.name() == "hub:closing" {
            if block.id.is_some() {
                return malformed(format!("hub:closing has an id: {block:?}"));
            }
            self.closing = true;
        }
        Ok(block)
    }
}

fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<(), Malformed> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => malformed(format!("one block has two {name} fields")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Vec<Block>, Malformed> {
        Parser::default().push(bytes)
    }

    #[test]
    fn every_field_is_read() {
        let mut parser = Parser::default();
        let blocks = parser
            .push(b"retry: 3000\nid: 1-0-ab\nevent: hub:connected\ndata: {}\n\n: \n\nid: 2-0-ab\n\ndata:x\ndata: \ndata:  y\n\n")
            .unwrap();
        let [connected, comment, cursor, message] = blocks.as_slice() else { panic!("{blocks:?}") };
        assert_eq!(connected.order, ["retry", "id", "event", "data"]);
        assert_eq!((connected.retry, connected.name(), connected.text()), (Some(3000), "hub:connected", "{}"));
        assert!(comment.is_comment() && !comment.is_event() && comment.comments == [""]);
        assert!(cursor.is_cursor() && !cursor.is_event());
        assert_eq!((message.name(), message.text(), message.id.as_deref()), ("message", "x\n\n y", None));
        parser.finish().unwrap();
    }

    #[test]
    fn bytes_may_arrive_one_by_one() {
        let stream = "id: 1-0-a\nevent: größe\ndata: ±\ndata: \n\n".as_bytes();
        let mut parser = Parser::default();
        let blocks: Vec<_> = stream.iter().flat_map(|byte| parser.push(&[*byte]).unwrap()).collect();
        assert_eq!(blocks, parse(stream).unwrap());
        assert_eq!(blocks[0].text(), "±\n");
    }

    #[test]
    fn an_unfinished_block_is_no_block_and_no_proper_end() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(b"id: 1-0-a\n\n").unwrap().len(), 1);
        parser.finish().unwrap();
        assert_eq!(parser.push(b"id: 2-0-a\ndata: x\n").unwrap(), []);
        parser.finish().unwrap_err();
    }

    #[test]
    fn whatever_the_hub_would_not_write_is_an_error() {
        for bytes in [
            "data: a\r\n\n",
            "data: a\rdata: b\n\n",
            "data\n\n",
            "\u{feff}data: x\n\n",
            "datum: x\n\n",
            "Data: x\n\n",
            "data : x\n\n",
            "id: 1-0-a\nid: 1-0-a\ndata: x\n\n",
            "event: a\nevent: b\ndata: x\n\n",
            "event: a\n\n",
            "event: \ndata: x\n\n",
            "event: hub:gone\ndata: x\n\n",
            "id: \ndata: x\n\n",
            "id: 17\ndata: x\n\n",
            "id: 1-0-a-b\ndata: x\n\n",
            "id: +1-0-a\ndata: x\n\n",
            "retry: 1s\n\n",
            "retry: +1\n\n",
            "retry: \n\n",
            "\n",
            "data: x\n\n\n",
            "id: 1-0-a\nevent: hub:closing\ndata: {}\n\n",
            "event: hub:closing\ndata: {}\n\n:\n\n",
        ] {
            assert!(parse(bytes.as_bytes()).is_err(), "{bytes:?} was accepted");
        }
        parse(b"data: \xff\n\n").unwrap_err();
    }

    #[test]
    fn positions_are_read_and_written() {
        let position = Position::parse("1732186542123-7-x7Qp").unwrap();
        assert_eq!(position.place, (1_732_186_542_123, 7));
        assert_eq!(position.to_string(), "1732186542123-7-x7Qp");
    }
}
