/** One rule: how it is doing, what it gives, and the way to change it. */
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useParams } from 'react-router'

import { ruleQuery } from '../../api/queries'
import type { RuleDetail } from '../../api/rules'
import { Facts } from '../../components/Facts'
import { PageHead } from '../../components/PageHead'
import { RuleCost, RuleNewest } from '../../components/RuleLive'
import { RuleMark, StageMark } from '../../components/ruleMarks'
import { SettingsAsText } from '../../components/SettingsAsText'
import { Ago, Since } from '../../components/Since'
import { Undescribed } from '../../components/Undescribed'
import { RemoveItem } from '../../forms/RemoveItem'
import { useConfigText } from '../../hooks/useConfigText'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { itemIn, withoutItem } from '../../lib/document'
import { bytes, count } from '../../lib/numbers'
import { may } from '../../lib/roles'
import { ruleIn } from '../../lib/ruleForm'
import { shareOf } from '../../lib/ruleCost'
import { costWords, troubleOf } from '../../lib/rules'
import { paths } from '../../paths'
import { Notice } from '../../ui/Notice'
import { Prose } from '../../ui/Prose'
import { RuleWorkbench } from './RuleWorkbench'

export function RulePage() {
  const name = useParams()['rule'] ?? ''
  useTitle(`Rule · ${name}`)
  // Keeps it polled while the page is shown.
  useQuery(ruleQuery(name))
  const rule = useSuspenseQuery(ruleQuery(name)).data
  const text = useConfigText()
  const form = useMemo(() => ruleIn(text, name), [text, name])
  const engineer = may(useMe().role, 'engineer')
  const settings = useMemo(() => (engineer ? undefined : settingsOf(text, name)), [engineer, text, name])
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
          <Undescribed what="rule" />
          {seen}
        </>
      ) : (
        <RuleWorkbench key={name} original={form} name={name}>
          {seen}
        </RuleWorkbench>
      )}
      {settings !== undefined && <SettingsAsText name={name} settings={settings} />}
      {engineer && (
        <RemoveItem what="rule" name={name} without={(now) => withoutItem(now, 'rules', name)} to={paths.rules}>
          It is no longer run, and its alarms and writes end. What it gave stays in the history, and an earlier revision brings it back. To pause it, give it the stage draft.
        </RemoveItem>
      )}
    </div>
  )
}

function RuleHead({ rule }: { rule: RuleDetail }) {
  const trouble = troubleOf(rule)
  const last = rule.last_error ?? undefined
  return (
    <>
      <PageHead above={[[paths.rules, 'Rules']]} title={rule.name} lead={rule.text ?? undefined}>
        <StageMark stage={rule.stage} />
        <span role="status">
          <RuleMark state={rule.state} chip />
        </span>
      </PageHead>
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

/** The rule without its query, which stands above. */
function settingsOf(text: string, name: string): object | undefined {
  const rule = itemIn(text, 'rules', name)
  if (typeof rule !== 'object' || rule === null) return undefined
  const { sql: _, ...settings } = rule as Record<string, unknown>
  return settings
}
