/** What SQL over streams has besides the functions of queries over history. */
import type { SqlFunction } from '../api/history'

const made = (name: string, signature: string, description: string, example: string): SqlFunction => ({ name, signature, description, example })

export const windowFunctions: SqlFunction[] = [
  made('tumbling_window', "tumbling_window('10s')", 'In GROUP BY: one window after the other, each of this length.', "tumbling_window('10s')"),
  made('hopping_window', "hopping_window('10s', '5s')", 'In GROUP BY: windows of a length that begin every so often, and overlap.', "hopping_window('10s', '5s')"),
  made('sliding_window', "sliding_window('10s' [, '2s'])", 'In GROUP BY: for each row the rows of the time up to it, with a delay also those after it.', "sliding_window('10s')"),
  made('session_window', "session_window('5s' [, '1m'])", 'In GROUP BY: rows with no gap longer than this between them; the second is the longest a window lasts.', "session_window('5s')"),
  made('count_window', 'count_window(100 [, 10])', 'In GROUP BY: so many rows, anew every so many.', 'count_window(100)'),
  made('state_window', 'state_window(x) or state_window(opens, closes)', 'In GROUP BY: rows in a row with the same value, or from the row where one holds to the row where the other does.', 'state_window(state)'),
  made('window_start', 'window_start()', 'When the window begins.', 'window_start()'),
  made('window_end', 'window_end()', 'When the window ends.', 'window_end()'),
]

export const streamFunctions: SqlFunction[] = [
  made('lag', 'lag(x [, n [, default]])', 'The value so many rows before, one unless told.', 'lag(x)'),
  made('latest', 'latest(x [, default])', 'The last value that is not NULL, this row included.', 'latest(x)'),
  made('had_changed', 'had_changed(x)', 'True when it is not the value of the row before; true on the first row.', 'had_changed(x)'),
  made('changed_value', 'changed_value(x)', 'The value where it changed, NULL elsewhere.', 'changed_value(x)'),
  made('running_sum', 'running_sum(x)', 'The sum since the rule began.', 'running_sum(x)'),
  made('running_min', 'running_min(x)', 'The lowest value since the rule began.', 'running_min(x)'),
  made('running_max', 'running_max(x)', 'The highest value since the rule began.', 'running_max(x)'),
  made('running_avg', 'running_avg(x)', 'The mean since the rule began.', 'running_avg(x)'),
  made('running_count', 'running_count(x)', 'How many values there were since the rule began.', 'running_count(x)'),
  made('rate_of', 'rate_of(x)', 'The change per second since the row before, by time.', 'rate_of(x)'),
]

const aggregates: SqlFunction[] = [
  made('avg', 'avg(x)', 'The mean of a window.', 'avg(x)'),
  made('sum', 'sum(x)', 'The sum of a window.', 'sum(x)'),
  made('min', 'min(x)', 'The lowest value of a window.', 'min(x)'),
  made('max', 'max(x)', 'The highest value of a window.', 'max(x)'),
  made('count', 'count(x)', 'How many values are not NULL in a window.', 'count(*)'),
  made('stddev', 'stddev(x)', 'The standard deviation of a window.', 'stddev(x)'),
]

/** All that a rule can call: those of its own first. */
export function ruleFunctions(ofHistory: readonly SqlFunction[]): SqlFunction[] {
  const own = [...windowFunctions, ...streamFunctions, ...aggregates]
  const names = new Set(own.map((each) => each.name))
  return [...own, ...ofHistory.filter((each) => !names.has(each.name))]
}
