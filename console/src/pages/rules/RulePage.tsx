/** One rule: how it is doing, what it gives, and the way to change it. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { Link, useParams } from 'react-router'
import { stringify } from 'yaml'

import { configQuery, ruleQuery } from '../../api/queries'
import type { RuleDetail } from '../../api/rules'
import { Facts } from '../../components/Facts'
import { RuleCost, RuleNewest } from '../../components/RuleLive'
import { RuleMark, StageMark } from '../../components/ruleMarks'
import { Ago, Since } from '../../components/Since'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { itemIn, withoutItem } from '../../lib/document'
import { bytes, count } from '../../lib/numbers'
import { may } from '../../lib/roles'
import { ruleIn } from '../../lib/ruleForm'
import { shareOf } from '../../lib/ruleCost'
import { costWords, troubleOf } from '../../lib/rules'
import { paths } from '../../paths'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'
import { ReviewDevice } from '../commission/ReviewDevice'
import { RuleWorkbench } from './RuleWorkbench'

export function RulePage() {
  const name = useParams()['rule'] ?? ''
  useTitle(`Rule · ${name}`)
  // Keeps it polled while the page is shown.
  useQuery(ruleQuery(name))
  const rule = useSuspenseQuery(ruleQuery(name)).data
  const text = useSuspenseQuery(configQuery).data?.text ?? ''
  const form = useMemo(() => ruleIn(text, name), [text, name])
  const engineer = may(useMe().role, 'engineer')
  const live = rule.stage !== 'draft'
  const seen = live && (
    <>
      <RuleNewest rule={rule} />
      <RuleCost rule={rule} />
    </>
  )
  return (
    <div className="page rule-page">
      <RuleHead rule={rule} />
      {form === undefined ? (
        <>
          <Notice tone="info" title="The configuration does not describe this rule in a way the console can read">
            <span>
              <Link to={paths.config}>Open the configuration as text</Link> and change it there.
            </span>
          </Notice>
          {seen}
        </>
      ) : (
        <RuleWorkbench key={name} original={form} name={name}>
          {seen}
        </RuleWorkbench>
      )}
      {!engineer && <SettingsAsText text={text} name={name} />}
      {engineer && <RemoveRule name={name} />}
    </div>
  )
}

function RuleHead({ rule }: { rule: RuleDetail }) {
  const trouble = troubleOf(rule)
  const text = rule.text ?? ''
  const last = rule.last_error ?? undefined
  return (
    <>
      <nav aria-label="Breadcrumb" className="crumbs">
        <Link to={paths.rules}>Rules</Link>
        <span aria-hidden="true">/</span>
        <span aria-current="page">{rule.name}</span>
      </nav>
      <header className="page-head">
        <div>
          <h1>{rule.name}</h1>
          {text !== '' && <p className="muted">{text}</p>}
        </div>
        <div className="page-head-end">
          <StageMark stage={rule.stage} />
          <span role="status">
            <RuleMark state={rule.state} chip />
          </span>
        </div>
      </header>
      {trouble !== undefined && (
        <Notice tone={trouble.tone} title={<Prose text={trouble.problem} />}>
          <span>
            <Prose text={trouble.remedy} />
          </span>
          {last !== undefined && (
            <span className="small">
              Last error <Since time={last.time} />
            </span>
          )}
        </Notice>
      )}
      <section className="panel body-only rule-facts" aria-label="How it is doing">
        <Facts
          facts={[
            ['Rows in', count(rule.rows_in)],
            ['Rows out', count(rule.rows_out)],
            ['Late', count(rule.rows_late)],
            ['Errors', count(rule.errors)],
            ['Last output', <Ago key="last" time={rule.last_output ?? undefined} />],
            ['Waiting samples', count(rule.behind_samples)],
            ['Cost', costWords(shareOf(rule.name), rule.busy_seconds).filter((each) => each !== '').join(', ')],
            ['Memory', bytes(rule.memory_bytes)],
          ]}
        />
      </section>
    </>
  )
}

function SettingsAsText({ text, name }: { text: string; name: string }) {
  const rule = itemIn(text, 'rules', name)
  if (typeof rule !== 'object' || rule === null) return null
  const { sql: _, ...settings } = rule as Record<string, unknown>
  return (
    <section className="panel" aria-labelledby="rule-settings">
      <header>
        <h2 id="rule-settings">Settings</h2>
      </header>
      <div className="body">
        {/* A region that scrolls must be reachable by keyboard. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre className="example" tabIndex={0} role="region" aria-label={`Settings of ${name}`}>
          {stringify(settings)}
        </pre>
      </div>
    </section>
  )
}

function RemoveRule({ name }: { name: string }) {
  const [review, setReview] = useState(false)
  return (
    <section className="panel" aria-labelledby="remove-rule">
      <header>
        <h2 id="remove-rule">Remove this rule</h2>
      </header>
      <div className="body form">
        <p>It is no longer run, and its alarms and writes end. What it gave stays in the history, and an earlier revision brings it back. To pause it, give it the stage draft.</p>
        <div>
          <Button kind="danger" onClick={() => setReview(true)}>
            Remove {name}…
          </Button>
        </div>
      </div>
      {review && <ReviewDevice edit={(running) => withoutItem(running?.text ?? '', 'rules', name)} comment={`Remove rule ${name}`} to={paths.rules} back={paths.rule(name)} gone={name} onClose={() => setReview(false)} onSaved={() => setReview(false)} />}
    </section>
  )
}
