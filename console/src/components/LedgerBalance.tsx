/** The sum that must hold: expected is good, uncertain, without a value, left out and not read together; and why. */
import type { Account, Cause } from '../api/ledger'
import { accountPart, parts, samplesOf } from '../lib/ledger'
import { count, plural } from '../lib/numbers'

export function LedgerBalance({ account }: { account: Account }) {
  return (
    <section className="panel" aria-labelledby="ledger-balance">
      <header>
        <h2 id="ledger-balance">Balance</h2>
        <span className="muted small">every sample that was expected, and what became of it</span>
      </header>
      <dl className="ledger-sum">
        <div>
          <dt>expected</dt>
          <dd>{count(account.expected)}</dd>
        </div>
        {parts.map(([key, name, look], index) => {
          const samples = accountPart(account, key)
          return (
            <div key={key} className={samples === 0 ? 'none' : look === 'bad' || look === 'gone' ? 'lacking' : undefined}>
              <span className="sign" aria-hidden="true">
                {index === 0 ? '=' : '+'}
              </span>
              <dt>
                <span className={`swatch look-${look}`} aria-hidden="true" /> {name}
              </dt>
              <dd>{count(samples)}</dd>
            </div>
          )
        })}
      </dl>
      {(account.missed.length > 0 || account.bad.length > 0) && (
        <div className="ledger-causes">
          <Causes title="Not read" causes={account.missed} />
          <Causes title="Without a value" causes={account.bad} />
        </div>
      )}
    </section>
  )
}

function Causes({ title, causes }: { title: string; causes: Cause[] }) {
  if (causes.length === 0) return null
  const all = Math.max(1, samplesOf(causes))
  return (
    <div>
      <h3>{title}, by reason</h3>
      <ul className="cause-list">
        {causes.map((cause) => (
          <li key={`${cause.reason}/${cause.text}`}>
            <span>{cause.text}</span>
            <strong>{plural(cause.samples, 'sample')}</strong>
            <span className="size-bar" aria-hidden="true">
              <span style={{ width: `${(100 * cause.samples) / all}%` }} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}
