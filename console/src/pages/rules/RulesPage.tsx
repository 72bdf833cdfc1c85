/** Rules and how they are doing. Filters and page are in the address. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Link } from 'react-router'

import { ruleStages, ruleStates } from '../../api/rules'
import { rulesQuery, statusQuery } from '../../api/queries'
import { Failure } from '../../components/Failure'
import { Pager } from '../../components/Pager'
import { RuleTable } from '../../components/RuleTable'
import { useMe } from '../../hooks/useMe'
import { useSettled } from '../../hooks/useSettled'
import { useTitle } from '../../hooks/useTitle'
import { pageOf } from '../../lib/alarms'
import { plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { ruleFilter, rulePageSize, stageWords, stateWords } from '../../lib/rules'
import { paths } from '../../paths'
import { Icon } from '../../ui/Icon'
import { useFilter } from '../alarms/AlarmsPage'
import { NoRules } from './NoRules'

export function RulesPage() {
  useTitle('Rules')
  const [search, change] = useFilter()
  const filter = ruleFilter(search)
  const filtered = ['stage', 'state', 'label', 'text'].some((key) => search.has(key))
  const { data, error } = useQuery(rulesQuery(filter))
  const devices = useSuspenseQuery(statusQuery).data.devices.total
  const labels = useLabels(data?.items, filter.label ?? '')
  const cannot = whyNot(useMe().role, 'engineer', 'Writing rules')
  const items = data?.items ?? []
  const total = data?.total ?? 0
  const none = data !== undefined && total === 0 && !filtered
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Rules</h1>
          <p className="muted">What is made of the values of devices as they come, in SQL. {!none && data !== undefined && `${plural(total, filtered ? 'rule matches' : 'rule', filtered ? 'rules match' : 'rules')}.`}</p>
        </div>
        <div className="page-head-end">
          <Link className="button" to={paths.tables}>
            Lookup tables
          </Link>
          {!none && cannot === undefined && (
            <Link className="button primary" to={paths.newRule}>
              <Icon name="plus" />
              New rule
            </Link>
          )}
        </div>
      </header>
      {cannot !== undefined && !none && <p className="muted small">{cannot}</p>}
      {none ? (
        <NoRules devices={devices} />
      ) : (
        <section className="panel" aria-label="Rules">
          <Filters labels={labels} />
          {error !== null && (
            <div className="body">
              <Failure error={error} />
            </div>
          )}
          {data === undefined && error === null && <p className="body muted">Asking the edge…</p>}
          {data !== undefined && items.length === 0 && <p className="body">{pageOf(search) > 0 && total > 0 ? 'This page is empty by now: go back to the first.' : 'No rule matches these filters.'}</p>}
          {items.length > 0 && <RuleTable rules={items} onLabel={(label) => change('label', label)} />}
          <Pager label="Pages of rules" page={pageOf(search)} size={rulePageSize} total={total} onPage={(next) => change('page', next === 0 ? '' : String(next + 1))} />
        </section>
      )}
    </div>
  )
}

/** All that were seen since the page was opened, and the one that is asked for. */
function useLabels(rules: { labels: string[] }[] | undefined, chosen: string): string[] {
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set())
  useEffect(() => {
    const labels = (rules ?? []).flatMap((rule) => rule.labels)
    setSeen((before) => (labels.every((label) => before.has(label)) ? before : new Set([...before, ...labels])))
  }, [rules])
  return [...new Set(chosen === '' ? seen : [...seen, chosen])].toSorted()
}

function Filters({ labels }: { labels: string[] }) {
  const [search, change] = useFilter()
  const text = search.get('text') ?? ''
  const [typed, setTyped] = useState(text)
  const settled = useSettled(typed)
  useEffect(() => {
    if (settled !== text) change('text', settled)
    // Only what was typed moves the address.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [settled])
  return (
    <div className="filters rule-filters">
      <div className="search">
        <Icon name="search" />
        <input type="search" className="input" aria-label="Filter rules by text" placeholder="Name, text, SQL" value={typed} onChange={(event) => setTyped(event.target.value)} />
      </div>
      <select className="input group-select" aria-label="Stage" value={search.get('stage') ?? ''} onChange={(event) => change('stage', event.target.value)}>
        <option value="">All stages</option>
        {ruleStages.map((each) => (
          <option key={each} value={each}>
            {stageWords[each]}
          </option>
        ))}
      </select>
      <select className="input group-select" aria-label="State" value={search.get('state') ?? ''} onChange={(event) => change('state', event.target.value)}>
        <option value="">All states</option>
        {ruleStates.map((each) => (
          <option key={each} value={each}>
            {stateWords[each]}
          </option>
        ))}
      </select>
      <select className="input group-select" aria-label="Label" value={search.get('label') ?? ''} onChange={(event) => change('label', event.target.value)}>
        <option value="">All labels</option>
        {labels.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
    </div>
  )
}
