/** The ledger and dead letters: what was expected, kept and delivered, and what is missing. Written by hand as types.ts is. */

export interface Cause {
  /** for programs, such as a quality's name or `edge_stopped` */
  reason: string
  text: string
  samples: number
}

/** `expected` is always good + uncertain + bad + suppressed + missed. */
export interface Account {
  expected: number
  good: number
  uncertain: number
  /** stored without a value, most first */
  bad: Cause[]
  /** kept back by deadband or report on change */
  suppressed: number
  /** not read, most first */
  missed: Cause[]
  /** good, uncertain and bad */
  stored: number
}

/** `expected` is delivered + pending + rejected + lost. */
export interface SinkAccount {
  sink: string
  state: string
  expected: number
  delivered: number
  pending: number
  pending_since: string | null
  /** kept as dead letters */
  rejected: number
  lost: Cause[]
  doing: string | null
}

export interface SinkInterval {
  sink: string
  delivered: number
  pending: number
  rejected: number
  lost: number
}

export interface LedgerInterval {
  time: string
  expected: number
  good: number
  uncertain: number
  bad: number
  suppressed: number
  missed: number
  sinks: SinkInterval[]
}

export interface Deviation {
  kind: 'missed' | 'bad' | 'lost'
  device: string | null
  group: string | null
  sink: string | null
  from: string
  to: string
  /** it goes on */
  open: boolean
  reason: string
  text: string
  samples: number
  doing: string | null
}

export interface Ledger {
  from: string
  to: string
  /** before this the ledger knows nothing; null while it is empty */
  known_from: string | null
  account: Account
  sinks: SinkAccount[]
  interval_s: number
  intervals: LedgerInterval[]
  /** newest first */
  deviations: Deviation[]
  more_deviations: number
}

export interface GroupAccount extends Account {
  device: string
  group: string
  tags: number
}

export interface DeadLetter {
  id: string
  sink: string
  /** when it was refused */
  time: string
  /** as the destination said it */
  reason: string
  device: string
  group: string
  samples: number
  tries: number
  /** `false`: the journal holds its samples no longer; it can only be discarded */
  retriable: boolean
}

/** Without `ids` all of the sink. */
export interface DeadLetterChoice {
  sink: string
  ids?: string[]
}

export interface DeadLetterAnswer {
  letters: number
}
