//! Checks exercise 5.

use exercises::backpressure::{BLOCK_BYTES, IN_FLIGHT_MAX, Upload};

#[test]
fn a_disk_that_hangs_stops_the_reading_before_memory_grows() {
    let mut upload = Upload::default();
    let mut received = 0;
    while upload.may_read() {
        upload.receive(&[1; 30]);
        received += 30;
        assert!(received < 1_000, "it reads on although nothing is written");
    }
    assert!(received >= IN_FLIGHT_MAX * BLOCK_BYTES, "it stops before the disk is busy");
    assert!(upload.held_bytes() <= (IN_FLIGHT_MAX + 1) * BLOCK_BYTES);
}

#[test]
fn a_written_block_starts_the_reading_again() {
    let mut upload = Upload::default();
    for _ in 0..IN_FLIGHT_MAX {
        assert!(upload.may_read());
        upload.receive(&[1; BLOCK_BYTES]);
    }
    assert!(!upload.may_read());
    upload.note_written();
    assert!(upload.may_read());
    upload.receive(&[1; BLOCK_BYTES]);
    assert!(!upload.may_read());
}

#[test]
fn every_byte_reaches_the_disk_in_order_whatever_the_reads_bring() {
    let file: Vec<u8> = (0..2_345_u32).map(|n| n as u8).collect();
    for read in [1, 7, 99, 100] {
        let (mut upload, mut disk, mut busy) = (Upload::default(), Vec::new(), 0);
        for bytes in file.chunks(read) {
            while !upload.may_read() {
                assert!(busy > 0, "it waits for a disk that has nothing to do");
                upload.note_written();
                busy -= 1;
            }
            for block in upload.receive(bytes) {
                assert_eq!(block.len(), BLOCK_BYTES);
                disk.extend(block);
                busy += 1;
            }
        }
        disk.extend(upload.finish().unwrap_or_default());
        assert!(disk == file, "in reads of {read} bytes");
    }
}

#[test]
fn a_file_that_ends_with_a_block_has_no_rest() {
    let mut upload = Upload::default();
    assert_eq!(upload.receive(&[3; BLOCK_BYTES]), [[3; BLOCK_BYTES]]);
    assert_eq!(upload.finish(), None);
}
