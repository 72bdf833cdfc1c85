/** The alarms of the configuration: what raises each, and for which tags. Filter and page are in the address. */
import { useMemo } from 'react'
import { Link } from 'react-router'

import { alarmPriorities, type AlarmPriority } from '../../api/alarms'
import { PriorityMark } from '../../components/alarmMarks'
import { PageHead } from '../../components/PageHead'
import { Pager } from '../../components/Pager'
import { AlarmTabs } from '../../components/Tabs'
import { useConfigText } from '../../hooks/useConfigText'
import { useMe } from '../../hooks/useMe'
import { useTitle } from '../../hooks/useTitle'
import { definedIn, type Defined } from '../../lib/alarmForm'
import { alarmPageSize, pageOf } from '../../lib/alarms'
import { plural } from '../../lib/numbers'
import { whyNot } from '../../lib/roles'
import { paths } from '../../paths'
import { Icon } from '../../ui/Icon'
import { Mark } from '../../ui/Mark'
import { useFilter } from './AlarmsPage'
import { NoAlarms } from './NoAlarms'

export function DefinitionsPage() {
  useTitle('Definitions of alarms')
  const text = useConfigText()
  const all = useMemo(() => definedIn(text), [text])
  const cannot = whyNot(useMe().role, 'engineer', 'Defining alarms')
  return (
    <div className="page">
      <PageHead title="Alarms" lead={<>What raises alarms, as the configuration has it. {all.length > 0 && `${plural(all.length, 'definition')}. `}Rules raise alarms too.</>}>
        {cannot === undefined && all.length > 0 && (
          <Link className="button primary" to={paths.newAlarm}>
            <Icon name="plus" />
            New alarm
          </Link>
        )}
      </PageHead>
      <AlarmTabs />
      {cannot !== undefined && all.length > 0 && <p className="muted small">{cannot}</p>}
      {all.length === 0 ? <NoAlarms /> : <List all={all} />}
    </div>
  )
}

function List({ all }: { all: Defined[] }) {
  const [search, change] = useFilter()
  const text = search.get('text') ?? ''
  const page = pageOf(search)
  const found = all.filter((each) => [each.name, each.text, ...each.tags].some((part) => part.toLowerCase().includes(text.toLowerCase())))
  const items = found.slice(page * alarmPageSize, (page + 1) * alarmPageSize)
  return (
    <section className="panel" aria-label="Definitions">
      <div className="filters alarm-filters">
        <div className="search">
          <Icon name="search" />
          <input type="search" className="input" aria-label="Filter definitions by text" placeholder="Name, tag, text" value={text} onChange={(event) => change('text', event.target.value)} />
        </div>
      </div>
      {items.length === 0 && <p className="body">{found.length > 0 ? 'This page is empty by now: go back to the first.' : 'No definition matches this filter.'}</p>}
      {items.length > 0 && (
        <table className="table row-cards definitions">
          <thead>
            <tr>
              <th scope="col">Alarm</th>
              <th scope="col">Raised when the value is</th>
              <th scope="col">Priority</th>
              <th scope="col">Tags</th>
            </tr>
          </thead>
          <tbody>
            {items.map((each) => (
              <tr key={each.name}>
                <th scope="row" className="alarm-name">
                  <Link to={paths.definition(each.name)}>{each.name}</Link>
                  {each.text !== '' && <span className="sub">{each.text}</span>}
                </th>
                <td className="definition-when" data-label="raised when">{each.condition.replace(/^is /, '')}</td>
                <td data-label="priority">
                  {isPriority(each.priority) ? <PriorityMark priority={each.priority} /> : each.priority}
                  {!each.enabled && (
                    <Mark tone="off" icon="off">
                      not enabled
                    </Mark>
                  )}
                </td>
                <td className="alarm-tag" data-label="tags">
                  {each.tags.join(', ')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Pager label="Pages of definitions" page={page} size={alarmPageSize} total={found.length} onPage={(next) => change('page', next === 0 ? '' : String(next + 1))} />
    </section>
  )
}

const isPriority = (text: string): text is AlarmPriority => (alarmPriorities as readonly string[]).includes(text)
