/** A line on the overview when the last hour lacks something, and the way to the account of it. */
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'

import { ledgerQuery, statusQuery } from '../api/queries'
import { verdictOf } from '../lib/ledger'
import type { Range } from '../lib/trend'
import { paths } from '../paths'
import { Notice } from '../ui/Notice'

const lastHour: Range = { live: true, key: '1h', spanMs: 3_600_000 }

export function LedgerNote() {
  const status = useQuery(statusQuery).data
  const ledger = useQuery({ ...ledgerQuery(lastHour, ''), refetchInterval: 10_000 }).data
  if (ledger === undefined || ledger.known_from === null || status === undefined) return null
  const verdict = verdictOf(ledger, lastHour, Date.parse(status.now))
  if (verdict.tone !== 'warn' && verdict.tone !== 'bad') return null
  return (
    <Notice tone="warn" title={verdict.title}>
      {verdict.why !== '' && <span>{verdict.why.replace(/ are listed below\.| is listed below\./, ' in the ledger.')}</span>}
      <Link to={paths.ledger}>See the ledger: where, since when, why</Link>
    </Notice>
  )
}
