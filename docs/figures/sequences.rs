//! Who sends what to whom.

use crate::sequence::draw;

/// From the connection to the room.
pub(crate) fn join() -> String {
    draw(
        &[("ada's client", 110), ("server", 400), ("bob", 670)],
        "ada's -> server: Hello: versions
         ada's -> server: Join: nick, lines of history
         server: version chosen; is the nick free?
         server --> ada's: HelloAck: version, the server's limits
         server: Joined is numbered and goes to the journal
         server --> ada's: Welcome: nick, first event to come,|token to come back with
         server --> ada's: Snapshot: members, shelf, topic
         server -> ada's: the last lines, from where her cursor begins
         server -> bob: Joined: ada
         ada's -> server: Say: hi, all
         server -> ada's: Said, her receipt
         server -> bob: Said, the same bytes",
    )
}

/// From a line to everyone who hears it.
pub(crate) fn message() -> String {
    draw(
        &[("ada", 60), ("server, main thread", 270), ("journal thread", 490), ("bob", 700)],
        "ada -> server: Say: number 1
         server: text checked, event numbered,|encoded once at the end of the log
         server -> journal: the same bytes
         journal: length, checksum, append;|at always: sync, many at once
         journal --> server: kept up to here
         server: the log is released up to there:|each cursor is behind that
         server -> ada: Said, her receipt
         server -> bob: Said, the same bytes",
    )
}

/// From a file of one member to the shelf.
pub(crate) fn upload() -> String {
    draw(
        &[("ada", 70), ("server, main thread", 290), ("store thread", 510), ("bob", 700)],
        "ada -> server: UploadOffer: name, size, key
         server: size and number|of transfers checked
         server -> store: Create
         store: free space checked; what is kept|under this key read back and hashed
         store --> server: Created: offset, digest so far
         server --> ada: UploadReady: offset, digest so far
         ada: the same as in her file?|She begins there
         loop: until all is sent
         ada -> server: Data: up to 64 KiB
         server -> store: Write: a block of 256 KiB
         store --> server: Wrote: the block is free again
         server: two blocks at the store thread:|the connection is not read
         end
         ada -> server: UploadDone: digest of the whole file
         server -> store: Publish
         store: size and digest compared, content and meta|synced, one rename onto the shelf, synced
         store --> server: Published
         server: Shelved is numbered and goes to the|journal; of six items the oldest is dropped
         server --> ada: UploadStored: item
         server -> ada: Shelved
         server -> bob: Shelved",
    )
}

/// From the shelf to a file of another member.
pub(crate) fn download() -> String {
    draw(
        &[("bob", 80), ("server, main thread", 350), ("store thread", 650)],
        "bob -> server: DownloadRequest: item, offset
         server: on the shelf? dropped? unknown?
         server -> store: Open
         store: keeps the file open: an item dropped|meanwhile is still sent whole
         store --> server: Opened
         server --> bob: DownloadReady: offset, size, digest
         loop: two extents ahead, until all is sent
         server -> store: Read: an extent
         store --> server: frames, in the cache or in memory
         server -> bob: Data: after all talk that waits
         end
         bob: digest compared, NAME.part gets its name",
    )
}

/// From a broken connection back into the room.
pub(crate) fn resume() -> String {
    draw(
        &[("ada's session", 190), ("server", 560)],
        "ada's -> server: Say 7
         cut
         ada's: 7 is in doubt; transfers return to the queue|
            line 8 is typed, and waits|
            the first wait: half a second to a second
         server: the membership stands for 5 s;|what has arrived of uploads is kept
         ada's -> server: Hello, Join: SINCE 42, its time AT, RESUME with the token
         server: still a member by that token?|
            The session continues on this connection,|
            and nobody is told
         server --> ada's: Welcome: FROM_SEQ 43, Snapshot
         server -> ada's: events 43 and on: what she missed
         ada's: all up to the snapshot has come|without 7: it never arrived
         ada's -> server: Say 7 with REPEAT: refused if the log has it
         ada's -> server: Say 8
         ada's -> server: UploadOffer with its key; DownloadRequest from its offset
         server --> ada's: UploadReady: what is kept, and its digest",
    )
}
