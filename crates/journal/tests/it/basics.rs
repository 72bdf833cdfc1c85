//! Round trips on the machine's own disk.

use std::sync::Arc;
use tagwerk_env::Env;
use tagwerk_journal::{Item, Journal, Moment, Options, ReaderFilter, Stream, TagSet};

pub fn set(id: u32, tags: &[u32]) -> Arc<TagSet> {
    Arc::new(TagSet { id, revision: 1, tags: tags.to_vec(), dictionary: vec![id as u8; 20] })
}

#[tokio::test]
async fn what_was_appended_is_read_from_memory_and_after_a_restart_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let env = Env::system();
    let boiler = set(1, &[10, 11]);
    let (journal, opened) = Journal::open(&env, folder.path(), Options::default()).unwrap();
    assert!(opened.clean);
    for n in 0..10u8 {
        let span =
            journal.append_block(Stream::Samples, &boiler, 2, Moment(n as u64), &[n; 100]).unwrap();
        assert_eq!(span.from, n as u64 * 2);
    }
    journal.durable(Stream::Samples, 19).await.unwrap();
    assert_eq!(journal.committed(Stream::Samples), 20);
    for reopened in [false, true] {
        let journal = match reopened {
            false => journal.clone(),
            true => {
                journal.close().unwrap();
                let (journal, opened) =
                    Journal::open(&env, folder.path(), Options::default()).unwrap();
                assert!(opened.clean, "{opened:?}");
                assert_eq!(opened.epoch, 1);
                journal
            }
        };
        let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
        for n in 0..10u8 {
            let Some(Item::Block(block)) = reader.next().await else { panic!("no block {n}") };
            assert_eq!(*block.payload, [n; 100]);
            assert_eq!(block.set, boiler);
            assert_eq!(block.span.to, reader.position());
        }
        assert_eq!(reader.try_next(), None);
    }
}
