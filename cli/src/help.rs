//! The long help texts. Lines that begin with `switchback` in an example are
//! run by the tests, in a folder that has `old.db`, `new.db`, `move.toml` and
//! the run `nightly`.

pub(crate) const ABOUT: &str = "\
Proves that two databases hold the same data, and moves data from one to the other.

`verify` reads both sides once, compares typed values rather than text, reads again what differs before it says so, and \
names whatever it could not compare; neither database is written to. `migrate` makes the tables, copies the rows, and \
follows what changes meanwhile; `check` says before what stands in the way.";

pub(crate) const SEE_MORE: &str = "`switchback help verify` and `switchback help migrate` explain each setting; `switchback demo` shows a comparison at \
     work.";

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    everything was compared and is equal; or the command did what it was asked for
  1    everything was compared and there are differences
  2    a mistake on the command line or in the config, or a database that cannot be opened
  3    not everything was compared or moved, or a result could not be written
  4    a move can't begin: something has to be mended, or accepted, before; nothing was done
  130  interrupted; what was done by then is kept

The result goes to stdout, everything else to stderr.";

pub(crate) const VERIFY: &str = "\
Compare two databases, table by table and row by row.

The source is the database that is right, the target the one that should hold the same. Both are only read. \
Rows that differ are read again until it is sure that they do, so that a database in use, or a \
target that lags a little, raises no false alarm.

Give the two URLs as arguments, in the environment (SWITCHBACK_SOURCE_URL and SWITCHBACK_TARGET_URL), or in a \
config file. What an argument says can be read by everybody on this machine (`ps`): URLs with passwords belong in the \
environment or in a file.";

pub(crate) const VERIFY_EXAMPLES: &str = "\
Examples:
  Compare all tables. In the environment the URLs are safe from `ps`:
    export SWITCHBACK_SOURCE_URL=sqlite:old.db SWITCHBACK_TARGET_URL=sqlite:new.db
    switchback verify

  With everything in a file:
    switchback verify -c move.toml

  Some tables, without a column that each side fills by itself:
    switchback verify sqlite:old.db sqlite:new.db \\
        -t 'order*' -x order_archive --ignore-columns updated_at

  A table that was renamed, one without a primary key, and only the rows of this year:
    switchback verify sqlite:old.db sqlite:new.db --rename-table users=accounts \\
        --key visits=visitor,visited_at --source-filter \"orders=placed_at >= '2026-01-01'\" \\
        --target-filter \"orders=placed_at >= '2026-01-01'\"

  In a script: the answer is the exit code, the details are JSON:
    switchback verify -c move.toml --format json --no-progress

The config file, with all its keys:
    source = \"sqlite:old.db\"             # or source_env = \"VARIABLE\", or source_file = \"path\"
    target_env = \"NEW_DATABASE_URL\"      # likewise target, target_env, target_file
    jobs = 4
    [tables]
    include = [\"*\"]
    exclude = [\"order_archive\"]
    ignore_columns = [\"updated_at\", \"orders.synced\"]
    [[table]]                            # once for each table that needs it
    name = \"users\"
    target = \"accounts\"
    key = [\"login\"]
    ignore_columns = [\"avatar\"]
    rename_columns = { mail = \"email\" }
    source_filter = \"id > 0\"
    target_filter = \"id > 0\"
    [table.equality]                     # what equal means in this table: keys as in [equality]
    ignore_case = true
    [table.columns.login]                # and in one column, by the source's name
    ignore_case = false
    [equality]                           # the innermost level that names a key decides
    strict = [\"json_meaning\"]           # policies to switch off; lenient = [..] takes them back
    trim_spaces = true
    ignore_case = false
    normalize = \"nfc\"                   # or \"none\"
    empty_is_null = true
    zero_date_is_null = true
    time_digits = 3
    time_rounding = \"down\"              # or \"nearest\"; else as the coarser server does
    compare_as = \"float32\"              # or \"declared\"
    bool_words = { true = [\"Y\"], false = [\"N\"] }
    uuid_layout = \"time_swapped\"        # or \"plain\"
    absolute = \"0.01\"                   # numbers may differ by so much; 0 is not at all
    relative = 1e-9
    ulps = 4
    naive_zone = \"+00:00\"
    [stop]
    max_differences = 10000
    max_time = \"2h\"
    [confirm]                            # how often and how patiently a row is read again
    attempts = 5
    backoff = \"100ms\"
    [output]
    run_dir = \"runs/{run_id}\"

Exit codes: 0 equal, 1 differences, 2 cannot start, 3 not everything compared, 130 interrupted.";

pub(crate) const CHECK: &str = "\
Look at what a move needs of both databases, in both directions.

Settings, rights, tables and names are looked at on both sides: the way back needs the target's log and the right to \
write to the source. Each item passes, is a warning that has to be accepted by its name (`accept` in the config), or \
fails; with what was found, why it matters, and what mends it. Nothing is changed.";

pub(crate) const CHECK_EXAMPLES: &str = "\
Examples:
    switchback check -c shop.toml --verbose
    switchback check -c shop.toml --format json

Exit codes: 0 nothing stands in the way, 2 a database cannot be opened, 3 it cannot be asked, 4 something does.";

pub(crate) const ACCOUNT: &str = "\
Print, create or revoke accounts that may do what a move needs, and no more.

The statements are for the move that the config asks for: its tables, whether changes are followed, and whether the way \
back is to be held open. Each comes with the reason for it, to be read and run by hand; --create and --revoke run them.

That takes an administrator's URL for each end: SWITCHBACK_SOURCE_ADMIN_URL and SWITCHBACK_TARGET_ADMIN_URL, or those \
of the config where these are not set.";

pub(crate) const ACCOUNT_EXAMPLES: &str = "\
Examples:
    switchback account -c shop.toml
    switchback account -c shop.toml --end source --format json

Exit codes: 0 printed or done, 2 a database cannot be opened, 3 a statement was refused.";

pub(crate) const MIGRATE: &str = "\
Move structure and rows, and follow what changes.

Checks both databases, makes the tables, copies the rows as they are at one moment while the source goes on being used, \
makes indexes and foreign keys, and then applies what has changed since and what changes from now on: each transaction \
whole, in order, once. It goes on until `switchback task complete` is called, or it is paused.

How far it is, is written down beside the config and at the target. Whatever ends it, a signal, an error or the power, \
the same command goes on where it was.";

pub(crate) const MIGRATE_EXAMPLES: &str = "\
Examples:
  See what would be done:
    switchback migrate -c shop.toml --dry-run

  Move, with all warnings accepted:
    switchback migrate -c shop.toml --accept-warnings

The config file, with the keys of a move (`switchback help verify` shows the others):
    source = \"sqlite:old.db\"             # or source_env, source_file; likewise target
    target = \"sqlite:shop.db\"
    [move]
    name = \"shop\"                        # of the task; a-z, 0-9 and _
    type = \"full\"                        # or structure, full+incremental (if not said)
    start_at = 2026-01-01T02:00:00Z      # not before
    structure = true                     # make tables; else they have to be there
    existing = \"refuse\"                  # or \"keep\": what has the same name at the target
    definer = \"connecting\"               # or \"invoker\", \"keep\": of MySQL's views and routines
    roles = false                        # PostgreSQL's roles, owners and rights too
    way_back = true                      # check what the way back needs
    log_retention = \"72h\"                # of the source's log, at least
    accept = [\"primary_keys\", \"journal_mode\"]  # warnings that are known and wanted
    state_dir = \"switchback-tasks\"       # beside this file
    schemas = { }                        # to move schemas of PostgreSQL under other names
    [tables]
    include = [\"*\"]
    exclude = [\"order_archive\"]
    [[table]]                            # once for each table that needs it
    name = \"users\"
    target = \"users\"                     # its name at the target
    skip_columns = []                    # columns that are not moved
    rename_columns = { }
    [load]
    workers = 4
    range_mib = 32                       # of data in one transaction
    mib_per_second = 100                 # throttle
    patience = \"60s\"                     # how long a database may be away
    [follow]
    sessions = 1                         # that apply at the same time
    retained_log_mib = 10000             # budget for the log that the source keeps
    beyond = \"tell\"                      # or \"let_go\"
    on_conflict = { value = \"stop\" }     # by class: stop, dead_letter, overwrite

Exit codes: 0 moved, 2 cannot start, 3 not finished, 4 the check found what has to be mended or accepted, 130 paused by a signal.";

pub(crate) const STATUS_EXAMPLES: &str = "\
Examples:
    switchback status -c shop.toml
    switchback status -c shop.toml --format json

Exit codes: 0 shown, 2 there is no such task, 3 it cannot be read, or changes were put aside and wait.";

pub(crate) const TASK_EXAMPLES: &str = "\
Examples:
    switchback task list
    switchback task delete -c shop.toml

Exit codes: as of `switchback migrate`.";

pub(crate) const REPORT_EXAMPLES: &str = "\
Examples:
    switchback report nightly
    switchback report nightly --format json

Exit codes: 0 shown, 2 there is no such run, 3 it cannot be read.";

pub(crate) const REPAIR: &str = "\
Print the SQL that would make the target equal to the source.

It is made from the differences that a run found, in the target's dialect. Nothing is sent to a database: read it, then run it \
with the target's own client.";

pub(crate) const REPAIR_EXAMPLES: &str = "\
Examples:
    switchback repair nightly
    switchback repair nightly --output repair.sql

Exit codes: 0 printed, 2 there is no such run, 3 it cannot be read or written, or not all can be repaired.";

pub(crate) const DEMO: &str = "\
See it work: two small databases with known differences, no server needed.

Makes two SQLite databases of a shop in a new folder, the second one a copy with damage of every kind, compares \
them as `switchback verify` would, and checks that exactly the damage was found.";

pub(crate) const DEMO_EXAMPLES: &str = "\
Examples:
    switchback demo
    switchback demo --dir shop

Exit codes: 0 exactly the damage was found, 2 the folder holds something else, 3 it was not found.";

pub(crate) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
    switchback completions bash > switchback.bash
    switchback completions fish > switchback.fish";
