//! The named bounds of every queue, batch, file and retry, with what happens at each.
//!
//! A limit that a user may meet is printed in the reference; a limit is changed here or nowhere.

use std::time::Duration;

/// A configuration document. Larger: refused, naming this limit.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Nesting of a configuration document. Deeper: a finding.
pub const CONFIG_DEPTH_MAX: usize = 32;
/// Findings reported for one document. More: the rest are counted, not listed.
pub const FINDINGS_MAX: usize = 200;
/// Nodes that aliases may add to a configuration document. More: a finding. Keeps a few lines of nested
/// aliases from growing without end.
pub const ALIAS_NODES_MAX: usize = 1_000_000;
/// Configuration revisions kept. More: the oldest are removed.
pub const REVISIONS_MAX: usize = 200;
/// Bytes of all configuration revisions kept. More: the oldest are removed, never the newest.
pub const REVISIONS_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Length of the comment on a configuration revision. Longer: refused.
pub const COMMENT_BYTES_MAX: usize = 1024;

/// Length of the name of a device, group, tag or sink. Longer: a finding.
pub const NAME_BYTES_MAX: usize = 128;
/// Length of a tag's address. Longer: a finding.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// Length of a unit. Longer: a finding.
pub const UNIT_BYTES_MAX: usize = 32;
/// Length of a description. Longer: a finding.
pub const DESCRIPTION_BYTES_MAX: usize = 1024;

/// The shortest interval of a group. Shorter: a finding.
pub const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// The longest interval of a group. Longer: a finding.
pub const INTERVAL_MAX: Duration = Duration::from_secs(86_400);
/// Devices of one edge. More: a finding.
pub const DEVICES_MAX: usize = 10_000;
/// Groups of one device. More: a finding.
pub const GROUPS_MAX: usize = 512;
/// Tags of one edge. More: a finding.
pub const TAGS_MAX: usize = 2_000_000;
/// Templates of one edge. More: a finding.
pub const TEMPLATES_MAX: usize = 1_000;
/// Parameters of one template. More: a finding.
pub const PARAMETERS_MAX: usize = 64;
/// Length of a text that placeholders of a template are filled into. Longer: a finding.
pub const FILLED_BYTES_MAX: usize = 65_536;
/// Keys, values and lists that templates add to a configuration, all devices together. More: a finding.
pub const TEMPLATE_NODES_MAX: usize = 64_000_000;
/// A file to import. Larger: refused.
pub const IMPORT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a workbook to import may unpack to. More: refused.
pub const IMPORT_UNPACKED_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Rows of a table to import. More: refused.
pub const IMPORT_ROWS_MAX: usize = 500_000;
/// Columns of a table to import. More: refused.
pub const IMPORT_COLUMNS_MAX: usize = 512;
/// Findings listed for a file to import. More: counted, not listed.
pub const ROW_FINDINGS_MAX: usize = 1_000;
/// Sinks of one edge. More: a finding.
pub const SINKS_MAX: usize = 64;

/// A formula of a tag. Longer: a finding.
pub const FORMULA_BYTES_MAX: usize = 4_096;
/// Tags that one formula reads. More: a finding.
pub const FORMULA_INPUTS_MAX: usize = 64;

/// Text or bytes of one value. Longer: cut by a driver's own address rules, refused in a write.
pub const VALUE_BYTES_MAX: usize = 65_536;
/// Elements of a list value. Longer: refused.
pub const LIST_ITEMS_MAX: usize = 4_096;

/// Topic filters of one device of a broker. More: a finding.
pub const FILTERS_MAX: usize = 100;
/// The payload of a message of a broker. Larger: its row has no values out of the payload, which is counted.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Nesting of a message in JSON. Deeper: its row has no values out of the payload, which is counted.
pub const MESSAGE_DEPTH_MAX: usize = 127;
/// Rows of one message, an array of objects. More: one row without values, which is counted.
pub const MESSAGE_ROWS_MAX: usize = 10_000;
/// Messages of a broker that wait while a link does something else. More: those of quality of service 0 are
/// dropped and counted; for others the connection is made again, and the broker sends them again.
pub const MESSAGES_WAITING_MAX: usize = 10_000;
/// Bytes of them. More: as with too many messages.
pub const MESSAGES_WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Commands waiting for one link. More: the command is refused as `failed` before anything is sent.
pub const COMMANDS_WAITING_MAX: usize = 256;
/// Commands remembered for answering a repeated id. More: the oldest finished are forgotten.
pub const COMMANDS_REMEMBERED_MAX: usize = 10_000;
/// A command's expiry when the sender names none.
pub const COMMAND_EXPIRY_DEFAULT: Duration = Duration::from_secs(10);
/// The longest expiry of a command. Longer: refused.
pub const COMMAND_EXPIRY_MAX: Duration = Duration::from_secs(3_600);

/// First wait before connecting again; doubles at each failure.
pub const RECONNECT_FIRST: Duration = Duration::from_millis(500);
/// Longest wait before connecting again.
pub const RECONNECT_MAX: Duration = Duration::from_secs(10);
/// First pause of a device that does not answer on a link that does; doubles at each failure.
pub const SILENCE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause of a silent device.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Wait before a device that said it is busy is asked again.
pub const BUSY_RETRY: Duration = Duration::from_millis(50);
/// How often a register that the device refuses is asked again by itself.
pub const REFUSED_RETRY: Duration = Duration::from_secs(60);
/// How often one of the registers is asked again when the device refuses all of a group.
pub const REFUSED_ALL_RETRY: Duration = Duration::from_secs(5);
/// Wait before a task that panicked starts again; doubles at each panic.
pub const PANIC_FIRST: Duration = Duration::from_secs(1);
/// Longest wait before a task that panicked starts again.
pub const PANIC_MAX: Duration = Duration::from_secs(60);

/// Events remembered for showing. More: the oldest are forgotten; the journal keeps them longer.
pub const EVENTS_REMEMBERED_MAX: usize = 10_000;
/// Frames that the communication log of a link keeps. More: the oldest are forgotten.
pub const TRACE_FRAMES_MAX: usize = 1_000;
/// Bytes of one frame that the communication log shows. Longer: only the beginning.
pub const TRACE_FRAME_BYTES_MAX: usize = 512;
/// A communication log switches itself off after this long.
pub const TRACE_TIME_MAX: Duration = Duration::from_secs(3_600);
/// Longest trial of a device. Longer: ended, with what is known by then.
pub const TRIAL_TIME_MAX: Duration = Duration::from_secs(60);

/// Messages remembered that destinations refused for good. More: the oldest are given up.
pub const DEAD_LETTERS_MAX: usize = 10_000;
/// Messages of one sink that wait for their acknowledgement. More: the sink waits.
pub const SINK_IN_FLIGHT_MAX: usize = 64;
/// Subscribers of live values at once. More: refused with 503.
pub const LIVE_SUBSCRIBERS_MAX: usize = 64;
/// Tags that one subscriber of live values can name. More: refused.
pub const LIVE_TAGS_MAX: usize = 1_000;
/// Rows that a statement answers with. More: cut off, and said so.
pub const SQL_ROWS_MAX: usize = 100_000;
/// Time that a statement may take. Longer: stopped.
pub const SQL_TIME_MAX: Duration = Duration::from_secs(300);
/// Memory that a statement may take for sorting, grouping and joining. More: stopped.
pub const SQL_MEMORY_MAX: usize = 64 * 1024 * 1024;
/// A statement's answer in JSON. Larger: refused; CSV and Arrow have no such limit.
pub const SQL_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Exports of history at work at once. More: refused with 503.
pub const HISTORY_EXPORTS_MAX: usize = 2;
/// Definitions of alarms. More: refused.
pub const ALARM_DEFINITIONS_MAX: u32 = 1_000;
/// Alarms of an edge, counting each tag of a definition. More: refused.
pub const ALARMS_MAX: usize = 100_000;
/// Alarms that one request does something to. More: refused.
pub const ALARMS_AT_ONCE_MAX: usize = 1_000;
/// How long an alarm is shelved. Longer: refused.
pub const ALARM_SHELVED_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Length of a comment on an alarm. Longer: refused.
pub const ALARM_COMMENT_BYTES_MAX: usize = 1_024;
/// Rules of one edge. More: a finding.
pub const RULES_MAX: u32 = 10_000;
/// Functions of the user's own. More: a finding.
pub const FUNCTIONS_MAX: u32 = 200;
/// The JavaScript of one function. Longer: a finding.
pub const FUNCTION_BYTES_MAX: usize = 65_536;
/// Arguments of one function. More: a finding.
pub const FUNCTION_ARGUMENTS_MAX: usize = 16;
/// How long one call of a function may take. Longer: it is stopped, which is an error of that row.
pub const FUNCTION_CALL_MAX: Duration = Duration::from_millis(100);
/// Memory of one function. More: the call fails, which is an error of that row.
pub const FUNCTION_MEMORY_MAX: usize = 16 * 1024 * 1024;
/// Stack of one call of a function. More: the call fails, which is an error of that row.
pub const FUNCTION_STACK_MAX: usize = 256 * 1024;
/// Calls running that take longer than [`FUNCTION_CALL_MAX`]. So many: the rule is stopped, and a tag's
/// formula is bad until the next change.
pub const FUNCTION_LATE_MAX: u32 = 10;
/// The SQL of one rule. Longer: a finding.
pub const RULE_SQL_BYTES_MAX: usize = 65_536;
/// Actions of one rule. More: a finding.
pub const RULE_ACTIONS_MAX: u32 = 32;
/// Labels of one rule. More: a finding.
pub const RULE_LABELS_MAX: u32 = 16;
/// How long a rule waits for rows that come late. Longer: a finding.
pub const RULE_LATENESS_MAX: Duration = Duration::from_secs(3_600);
/// Lookup tables of one edge. More: a finding.
pub const TABLES_MAX: u32 = 100;
/// Rows of a lookup table. More: it is not taken, and the last good version stays.
pub const TABLE_ROWS_MAX: usize = 100_000;
/// Columns of a lookup table. More: it is not taken, and the last good version stays.
pub const TABLE_COLUMNS_MAX: usize = 100;
/// The values of a lookup table, each counted with 8 bytes and its text; and what a source of one may
/// send. More: it is not taken, and the last good version stays.
pub const TABLE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The query of a lookup table. Longer: a finding.
pub const TABLE_QUERY_BYTES_MAX: usize = 65_536;
/// How long reading a lookup table may take. Longer: it failed, and the last good version stays.
pub const TABLE_READ_TIME_MAX: Duration = Duration::from_secs(30);
/// A file that a lookup table is read from, in a backup. Larger: the backup goes without it and says so.
pub const BACKUP_TABLE_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// All of them in one backup. More: the backup goes without those beyond it.
pub const BACKUP_TABLE_FILES_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// From one reading of a lookup table to the next. Less: a finding.
pub const TABLE_REFRESH_MIN: Duration = Duration::from_secs(1);
/// Changes of one alarm by itself within `ALARM_CHATTER_SPAN`. More: the alarm chatters; what follows is
/// counted, not written and not announced, until it is steady.
pub const ALARM_CHATTER_CHANGES_MAX: u32 = 20;
/// The time within which changes of an alarm are counted, from the first of them.
pub const ALARM_CHATTER_SPAN: Duration = Duration::from_secs(60);
/// An alarm that chattered is steady when it has not changed for so long.
pub const ALARM_STEADY: Duration = Duration::from_secs(60);
/// Changes of all alarms together that are written in a minute, those by operators not counted. More: the
/// rest are counted, and one record a minute says how many.
pub const ALARM_CHANGES_PER_MINUTE_MAX: u32 = 1_200;
/// Alarms announced within `ALARM_FLOOD_SPAN` that one person can follow (ISA-18.2). More: a flood, which
/// is shown and counted.
pub const ALARM_FLOOD_ALARMS: usize = 10;
/// The time within which announced alarms are counted.
pub const ALARM_FLOOD_SPAN: Duration = Duration::from_secs(600);
/// A flood is over when fewer alarms than this were announced within `ALARM_FLOOD_SPAN`.
pub const ALARM_FLOOD_ENDS: usize = 5;
/// Channels by which people are told of alarms. More: a finding.
pub const NOTIFY_CHANNELS_MAX: u32 = 100;
/// Routes by which alarms are told. More: a finding.
pub const NOTIFY_ROUTES_MAX: u32 = 100;
/// Levels of escalation of one route. More: a finding.
pub const NOTIFY_LEVELS_MAX: u32 = 10;
/// Quiet times of one route. More: a finding.
pub const NOTIFY_QUIET_MAX: u32 = 32;
/// How long the first of some alarms waits for others, so that those which come together are told in one
/// message.
pub const NOTIFY_GATHER: Duration = Duration::from_secs(1);
/// Messages of one route to one channel are at least so far apart; what comes meanwhile goes into the next.
pub const NOTIFY_APART: Duration = Duration::from_secs(10);
/// Alarms that wait to be told on one route to one channel. More: counted, and the message says how many.
pub const NOTIFY_WAITING_MAX: usize = 1_000;
/// Alarms that one message lists. More: it says how many there are.
pub const NOTIFY_LISTED_MAX: usize = 50;
/// How long a message is tried to be delivered. Longer: given up, with an event.
pub const NOTIFY_DELIVER_MAX: Duration = Duration::from_secs(86_400);
/// A message that is told so long after its time says in its subject when the alarm was raised.
pub const NOTIFY_LATE: Duration = Duration::from_secs(600);
/// The first time until a message that was not taken is tried again; then twice as long each time.
pub const NOTIFY_RETRY_MIN: Duration = Duration::from_secs(5);
/// The longest time until a message that was not taken is tried again.
pub const NOTIFY_RETRY_MAX: Duration = Duration::from_secs(300);

/// Values of the past that an alarm of a rate of change keeps. More: they lie farther apart.
pub const ALARM_RATE_POINTS_MAX: usize = 32;
/// Rules of history's retention. More: refused.
pub const HISTORY_RULES_MAX: u32 = 100;
/// Tags or patterns that one export of history names. More: refused.
pub const HISTORY_EXPORT_TAGS_MAX: usize = 1_000;
/// Bytes of archived days in a bucket that are kept on the edge's disk once they were read. More: what
/// was not used for longest is fetched again when it is asked for.
pub const ARCHIVE_CACHE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Statements at work at once. More: refused with 503.
pub const SQL_STATEMENTS_MAX: usize = 8;
/// Plans of statements that are kept for others like them. More: what was not asked for longest is
/// planned again.
pub const SQL_PLANS_MAX: usize = 64;
/// Parameters of one statement of a PostgreSQL client. More: refused.
pub const SQL_PARAMETERS_MAX: usize = 1_000;
/// Connections of PostgreSQL clients at once. More: refused with SQLSTATE 53300.
pub const POSTGRES_CONNECTIONS_MAX: usize = 64;
/// A message of a PostgreSQL client, statement and parameters included. Larger: the connection ends.
pub const POSTGRES_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// From a PostgreSQL client's connection to the end of its login. Longer: the connection ends.
pub const POSTGRES_LOGIN_TIME_MAX: Duration = Duration::from_secs(30);
/// Prepared statements and portals of one PostgreSQL connection, each. More: refused.
pub const POSTGRES_STATEMENTS_MAX: usize = 1_000;
/// Points of one look-back answer. More: thinned, keeping the extremes.
pub const LOOK_BACK_POINTS_MAX: usize = 10_000;
/// Items of one page of a listing.
pub const PAGE_ITEMS_MAX: usize = 1_000;
/// A request's body unless its route says otherwise. Larger: 413, naming this limit.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// HTTP connections at once, all listeners together. More: closed at once.
pub const CONNECTIONS_MAX: usize = 512;
/// HTTP connections at once from one address that is not this machine. More: closed at once.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 128;

/// Users of one edge. More: refused.
pub const USERS_MAX: usize = 1_000;
/// API tokens of one edge. More: refused.
pub const TOKENS_MAX: usize = 1_000;
/// Sessions at once. More: the one unused for longest ends.
pub const SESSIONS_MAX: usize = 1_000;
