/** One alarm of the configuration: seen by all, changed and removed by those who may. */
import { useMemo } from 'react'
import { Link, useParams } from 'react-router'

import { AlarmPreview } from '../../components/AlarmPreview'
import { PageHead } from '../../components/PageHead'
import { SettingsAsText } from '../../components/SettingsAsText'
import { Undescribed } from '../../components/Undescribed'
import { RemoveItem } from '../../forms/RemoveItem'
import { useConfigText } from '../../hooks/useConfigText'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { useWatched } from '../../hooks/useWatched'
import { alarmIn, ruleAlarmsIn, type AlarmForm } from '../../lib/alarmForm'
import { itemIn, withoutItem } from '../../lib/document'
import { whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Notice } from '../../ui/Notice'
import { AlarmWorkbench } from './AlarmWorkbench'

export function DefinitionPage() {
  const name = useParams()['alarm'] ?? ''
  useTitle(`Alarm · ${name}`)
  const text = useConfigText()
  const item = useMemo(() => itemIn(text, 'alarms', name), [text, name])
  const form = useMemo(() => alarmIn(text, name), [text, name])
  const cannot = whyNot(useMe().role, 'engineer', 'Changing alarms')
  return (
    <div className="page">
      <PageHead above={[[paths.alarms, 'Alarms'], [paths.definitions, 'Definitions']]} title={name} lead={form?.text}>
        {item !== undefined && (
          <Link className="button" to={paths.alarmsNamed(name)}>
            How it is now
          </Link>
        )}
      </PageHead>
      {item === undefined && <NotHere name={name} text={text} />}
      {item !== undefined && cannot !== undefined && <Notice tone="info" title={cannot} />}
      {item !== undefined && form === undefined && <Undescribed what="alarm" />}
      {form !== undefined && cannot === undefined && <AlarmWorkbench key={name} original={form} draftName={`alarm ${name}`} fresh={false} />}
      {form !== undefined && cannot !== undefined && <ReadOnly item={item} form={form} />}
      {item !== undefined && cannot === undefined && (
        <RemoveItem what="alarm" name={name} without={(now) => withoutItem(now, 'alarms', name)} to={paths.definitions}>
          Its tags are no longer watched by it, also where it is raised now. What became of it stays in the history, and an earlier revision brings it back. To pause it, take Enabled away under More.
        </RemoveItem>
      )}
    </div>
  )
}

function NotHere({ name, text }: { name: string; text: string }) {
  const rule = ruleAlarmsIn(text).get(name)?.rule
  if (rule !== undefined) {
    return (
      <Notice tone="info" title={`${name} is raised by the rule ${rule}`}>
        <span>
          <Link to={paths.rule(rule)}>Open the rule</Link>: the alarm is one of its actions.
        </span>
      </Notice>
    )
  }
  return (
    <Notice tone="info" title={`The configuration has no alarm ${name}`}>
      <span>
        It may have been removed. <Link to={paths.definitions}>Look at those that are there</Link>.
      </span>
    </Notice>
  )
}

function ReadOnly({ item, form }: { item: unknown; form: AlarmForm }) {
  const watched = useWatched(form.tags)
  return (
    <div className="alarm-split">
      <SettingsAsText name={form.name} settings={item} />
      <AlarmPreview form={form} watched={watched} />
    </div>
  )
}
