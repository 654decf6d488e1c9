"""Every bound of the gateway, and why it has its value."""

from muster.wire.messages import PING_INTERVAL_S

HELLO_TIMEOUT_S = 5.0  # an honest device answers the challenge in one round trip
# Devices ping at this pace whatever their interval of readings is, so silence is counted in pings and not in
# readings. Eight of them: later than the default lease (6 s), before the page must say offline (10 s).
SILENCE_S = 8 * PING_INTERVAL_S
SWEEP_S = 1.0  # how often silent sockets are looked for
SEND_TIMEOUT_S = 8.0  # a peer that takes nothing for this long is not reading
POLL_S = 2.0  # safety net under the hints: states and epochs of connected nodes

DOCUMENTS_AT_ONCE = 64  # targets, or work, read together; at most half a MiB each

MAX_PENDING_REPORTS = 20_000  # nodes whose newest report, or progress, waits for the database
REPORT_THREADS = 2  # reports are stored beside the frames, which come first; progress by as many of its own

REQUEST_AGE_US = 300_000_000  # how far the time in a signed request over HTTP may be off
MAX_ADMISSIONS = 2  # requests that ask the database at once, so that strangers take no connection from the writer
MAX_TRANSFERS = 64  # artifacts on their way at once; a chunk each in memory
MAX_TRANSFERS_PER_NODE = 4  # one device does not take all of them
TRANSFER_CHUNK_BYTES = 256 << 10  # a fifth of a millisecond from memory, so that turns between transfers stay short
TRANSFER_STALL_S = 30.0  # a peer that takes no chunk for this long loses its place; it resumes with a range
RETRY_AFTER_S = 2  # after which who found no place should ask again
BLOB_THREADS = 4  # reads at once: enough to keep a disk at work

MAX_HANDOVERS = 64  # requests with updates at once; a piece each in memory
MAX_HANDOVERS_PER_NODE = 2  # one that goes on, and the one that the device gave up and sends again
UPDATE_THREADS = 4  # pieces written and synced at once; the last piece of a file hashes all of it
MAX_STATEMENT_BYTES = 64 << 10  # a kilobyte, and a line for each component
BODY_TIMEOUT_S = 30.0  # a mebibyte over a link of 300 kbit/s
DISK_RETRY_S = 60  # a full disk is emptied by people

MAX_REASON_BYTES = 120  # of a close reason; a control frame holds 123 behind its code (RFC 6455, 5.5)
MAX_PONGS = 8  # unanswered pings in a socket's outbox before the peer counts as slow

MAX_QUEUED_FRAMES = 20_000  # waiting for the database, all sockets together
MAX_QUEUED_BYTES = 32 << 20  # as they came over the wire; about four times that in memory
BATCH_FRAMES = 4_000  # one transaction; about 30 ms of COPY for frames of one sample
BATCH_BYTES = 4 << 20
BATCH_DELAY_S = 0.05  # a lone frame waits this long for company

RETRY_BASE_S = 0.1  # first back-off while the database or Redis is away
RETRY_CAP_S = 2.0  # the last: well below the time in which a node must look healthy again

FUTURE_TOLERANCE_US = 60_000_000  # a device applies the server's offset; a minute covers its worst estimate

LIVE_AGE_US = 60_000_000  # older readings are history: the page fetches them, they are not pushed
MAX_LIVE_SAMPLES = 20  # pushed at once for one node; more is told as a gap
MAX_LIVE_INFERENCES = 256  # pushed with them: a node of a dozen shards at once a second, or a few at a greater pace
MAX_PENDING_NODES = 20_000  # nodes with something to publish; more are told as a gap
