use super::*;

fn header() -> Header {
    Header {
        journal: Header::version(),
        drill: "rebuild-7f3a".into(),
        scenario: "rebuild".into(),
        scenario_digest: "ab".into(),
        kind: RunKind::Drill,
        inputs: Outputs::new(),
        folder: "runs/rebuild-7f3a".into(),
        landfall: "landfall".into(),
        opened: Timestamp::UNIX_EPOCH,
    }
}

fn record(number: u64, event: Event) -> String {
    Record { number, at: Timestamp::UNIX_EPOCH, event }.to_line().unwrap()
}

fn journal() -> String {
    header().to_line().unwrap()
        + &record(1, Event::Started { step: "a".into(), attempt: 1 })
        + &record(2, Event::Succeeded { step: "a".into(), attempt: 1, outputs: Outputs::new() })
        + &record(3, Event::Finished { verdict: Verdict::Failed { reasons: vec!["x\ny".into()] } })
}

#[test]
fn a_journal_reads_back_as_written() {
    let text = journal();
    let read = read(text.as_bytes()).unwrap();
    assert_eq!(read.header, header());
    assert_eq!(read.records.len(), 3);
    assert_eq!(read.good_bytes, text.len() as u64);
    assert!(!read.torn && !read.read_only);
}

#[test]
fn a_cut_anywhere_in_the_last_line_counts_as_not_written() {
    let text = journal();
    let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    for cut in starts[0]..text.len() {
        let read = read(&text.as_bytes()[..cut]).unwrap();
        let whole = starts.iter().filter(|start| **start <= cut).count();
        assert_eq!(read.records.len(), whole - 1, "cut at {cut}");
        assert_eq!(read.good_bytes as usize, starts[whole - 1]);
        assert_eq!(read.torn, cut != starts[whole - 1]);
    }
    for cut in 0..starts[0] {
        assert!(matches!(read(&text.as_bytes()[..cut]), Err(JournalError::Empty)), "cut at {cut}");
    }
}

#[test]
fn a_damaged_last_line_is_torn_and_an_earlier_one_names_itself() {
    let text = journal();
    let read_last = read((text.clone() + "{\"number\":4,garbage\n").as_bytes()).unwrap();
    assert!(read_last.torn);
    assert_eq!(read_last.good_bytes, text.len() as u64);
    assert!(read((text.clone() + "\0\0\0\0").as_bytes()).unwrap().torn);
    let damaged = text.replacen("\"succeeded\"", "\"succee", 1);
    assert!(matches!(read(damaged.as_bytes()), Err(JournalError::Damaged { line: 3, .. })));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let missing = [lines[0], lines[1], lines[3]].concat();
    assert!(matches!(read(missing.as_bytes()), Err(JournalError::Gap { line: 3, expected: 2, found: 3 })));
}

#[test]
fn newer_versions_are_refused_or_only_read() {
    let major = journal().replacen("\"journal\":\"1.0\"", "\"journal\":\"2.0\"", 1);
    assert!(matches!(read(major.as_bytes()), Err(JournalError::Version { found }) if found == "2.0"));
    let odd = journal().replacen("\"journal\":\"1.0\"", "\"journal\":\"new\"", 1);
    assert!(matches!(read(odd.as_bytes()), Err(JournalError::Version { .. })));
    let minor = journal().replacen("\"journal\":\"1.0\"", "\"journal\":\"1.9\"", 1)
        + "{\"number\":4,\"at\":\"1970-01-01T00:00:00Z\",\"event\":{\"type\":\"dreamt\"}}\n";
    let read = read(minor.as_bytes()).unwrap();
    assert!(read.read_only && !read.torn);
    assert_eq!(read.records.len(), 3);
}
