//! Whatever bytes a record has, they come back.

use bytes::Bytes;
use ssehub::{EventId, History, Record};

use crate::{subject::Subject, tail::Tail};

/// A record of no bytes is a record.
pub async fn a_record_may_be_empty(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let mut tail = Tail::of(&line, None).await;
    let ids = [line.append(Record::new("")).await, line.append(Record::new("").passing()).await];
    let expected = ids.map(|id| (id, Bytes::new()));
    assert_eq!(tail.up_to(ids[1]).await, expected);
    assert_eq!(Tail::of(&line, None).await.next().await, expected[0]);
}

/// No byte means anything to the log.
pub async fn a_record_may_have_any_bytes(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let mut tail = Tail::of(&line, None).await;
    let mut expected = Vec::new();
    for record in
        [(0..=255).collect(), vec![0; 64], vec![0xff; 64], b"\r\n*3\r\n$-1\r\n".to_vec(), b"%{}'\"$1".to_vec()]
    {
        expected.push((line.append(Record::new(record.clone())).await, Bytes::from(record)));
    }
    assert_eq!(tail.up_to(expected[4].0).await, expected);
    assert_eq!(Tail::of(&line, None).await.to_head().await, expected);
}

/// Records of some megabytes come whole, live and later, and between small ones.
pub async fn a_record_may_have_megabytes(subject: &dyn Subject) {
    const SIZE: usize = 4 << 20;
    let line = subject.log(History::default()).await.line().await;
    let mut live = Tail::of(&line, None).await;
    let mut expected: Vec<(EventId, Bytes)> = Vec::new();
    for n in 0..6_u8 {
        let big: Vec<u8> = (0..SIZE).map(|place| (place % 251) as u8 ^ n).collect();
        for record in [Bytes::from(vec![n]), Bytes::from(big)] {
            expected.push((line.append(Record::new(record.clone())).await, record));
        }
    }
    for entries in [live.up_to(expected[11].0).await, Tail::of(&line, None).await.to_head().await] {
        // Not by assert_eq, which would print what differs.
        assert!(entries == expected, "{:?}", entries.iter().map(|(id, bytes)| (id, bytes.len())).collect::<Vec<_>>());
    }
}

/// A passing record may be as big as a lasting one.
pub async fn a_passing_record_may_have_megabytes(subject: &dyn Subject) {
    let line = subject.log(History::default()).await.line().await;
    let mut live = Tail::of(&line, None).await;
    let big = Bytes::from(vec![b'p'; 4 << 20]);
    let id = line.append(Record::new(big.clone()).passing()).await;
    let (came, bytes) = live.next().await;
    assert_eq!(came, id);
    assert!(bytes == big, "{} bytes came", bytes.len());
}
