/** Rules and how they are doing. Filters and page are in the address. */
import { useMutation, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Link } from 'react-router'

import { ruleStages, ruleStates, type Rule, type RuleFilter } from '../../api/rules'
import { allRules, configQuery, queryClient, rulesQuery, statusQuery } from '../../api/queries'
import { Failure } from '../../components/Failure'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { RuleChoice, type StageSet } from '../../components/RuleChoice'
import { RuleTable, type Choosing } from '../../components/RuleTable'
import { ChangeStage } from '../../forms/ChangeStage'
import { useChosen } from '../../hooks/useChosen'
import { useMe } from '../../hooks/useMe'
import { useSettled } from '../../hooks/useSettled'
import { useTitle } from '../../hooks/useTitle'
import { pageOf } from '../../lib/alarms'
import { count, plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { ruleFilter, rulePageSize, stageWords, stateWords } from '../../lib/rules'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
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
  const { chosen, turn, clear } = useChosen([filter.stage, filter.state, filter.label, filter.text].join(' '))
  const [asking, setAsking] = useState<string[] | undefined>()
  const [set, setSet] = useState<StageSet | undefined>()
  const bar = useRef<HTMLDivElement>(null)
  const all = useAllRules(filter, (names) => turn(names, true))
  // The stages are changed in what runs now.
  const open = useMutation({ mutationFn: () => queryClient.fetchQuery({ ...configQuery, staleTime: 0 }), onSuccess: () => setAsking([...chosen]) })
  const choosing: Choosing | undefined = cannot === undefined ? { chosen, onTurn: turn } : undefined
  // The button that was pressed is gone by then.
  useEffect(() => {
    if (set !== undefined && (document.activeElement === document.body || document.activeElement === null)) bar.current?.focus({ preventScroll: true })
  }, [set])
  return (
    <div className="page">
      <PageHead title="Rules" lead={<>What is made of the values of devices as they come, in SQL. {!none && data !== undefined && `${plural(total, filtered ? 'rule matches' : 'rule', filtered ? 'rules match' : 'rules')}.`}</>}>
        <Link className="button" to={paths.tables}>
          Lookup tables
        </Link>
        {!none && cannot === undefined && (
          <Link className="button primary" to={paths.newRule}>
            <Icon name="plus" />
            New rule
          </Link>
        )}
      </PageHead>
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
          {items.length > 0 && <ChooseLine items={items} total={total} filtered={filtered} choosing={choosing} all={all} />}
          {items.length > 0 && <RuleTable rules={items} choosing={choosing} onLabel={(label) => change('label', label)} />}
          <Pager label="Pages of rules" page={pageOf(search)} size={rulePageSize} total={total} onPage={(next) => change('page', next === 0 ? '' : String(next + 1))} />
          {choosing !== undefined && (
            <RuleChoice
              ref={bar}
              chosen={chosen.size}
              here={items.filter((rule) => chosen.has(rule.name)).length}
              set={set}
              busy={open.isPending}
              error={all.error ?? open.error}
              onChange={() => open.mutate()}
              onNone={clear}
              onHeard={() => setSet(undefined)}
            />
          )}
          {asking !== undefined && (
            <ChangeStage
              names={asking}
              onClose={() => setAsking(undefined)}
              onApplied={(stage, names) => {
                setAsking(undefined)
                clear()
                setSet({ stage, names: new Set(names), at: Date.now() })
              }}
            />
          )}
        </section>
      )}
    </div>
  )
}

/** Asks for the names of all rules that match, also those of other pages. */
function useAllRules({ stage = '', state = '', label = '', text = '' }: RuleFilter, onFound: (names: string[]) => void) {
  const [asked, setAsked] = useState<[number, number] | undefined>()
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => allRules({ stage, state, label, text }, undefined, (found, total) => setAsked([found, total])),
    onMutate: () => setAsked(undefined),
    onSuccess: (rules) => onFound(rules.map((rule) => rule.name)),
  })
  return { ask: () => mutate(), isPending, error, asked }
}

interface LineProps {
  items: Rule[]
  total: number
  filtered: boolean
  choosing: Choosing | undefined
  all: ReturnType<typeof useAllRules>
}

/** Chooses all of the page where the table has no head, and all that match where they are more than a page. */
function ChooseLine({ items, total, filtered, choosing, all }: LineProps) {
  if (choosing === undefined) return null
  const whole = items.every((rule) => choosing.chosen.has(rule.name))
  const [found, of] = all.asked ?? [0, total]
  return (
    <div className="choose-line">
      <label className="checkbox letters-page">
        <input type="checkbox" checked={whole} onChange={() => choosing.onTurn(items.map((rule) => rule.name), !whole)} /> Choose all of this page
      </label>
      {total > items.length && (
        <Button kind="quiet" busy={all.isPending} onClick={all.ask} whyNot={choosing.chosen.size >= total ? 'All are chosen.' : undefined}>
          Choose all {plural(total, 'rule')}
          {filtered && ' that match'}
        </Button>
      )}
      <span role="status" className="small muted">
        {all.isPending && `Asking the edge: ${count(found)} of ${count(of)}`}
      </span>
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
