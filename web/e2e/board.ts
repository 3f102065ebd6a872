/** The dashboard as Grafana would show it, drawn plainly: enough to see what a panel says, and that it says something. */

import type { Series } from './prometheus'

export interface Panel {
  type: 'row' | 'stat' | 'timeseries'
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  fieldConfig?: {
    defaults: {
      unit?: string
      min?: number
      noValue?: string
      custom?: { scaleDistribution?: { type: 'linear' | 'log' } }
      mappings?: { type: string; options: Record<string, { text: string }> }[]
    }
  }
  options?: { textMode?: string }
  targets?: { refId: string; expr: string; legendFormat: string }[]
}

/** A panel with what its expressions gave, each line with the name that its legend gives it. */
export interface Shown {
  panel: Panel
  lines: { name: string; points: Series['points'] }[]
}

const COLUMN = 60
const ROW = 38
const GAP = 8
const COLORS = ['#3b7d3b', '#b38600', '#2a6fb0', '#c4571a', '#b02a3c', '#7a4fa3']

/** What Grafana puts behind a legend such as {{version}} {{revision}}. */
export function nameOf(legend: string, labels: Record<string, string>): string {
  return legend.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '')
}

/** A number with its unit, as Grafana writes those units that the dashboard has. */
export function written(value: number, unit = 'none'): string {
  const scaled = (steps: [number, string][]) => {
    const [size, suffix] = steps.findLast(([size]) => Math.abs(value) >= size) ?? steps[0] ?? [1, '']
    return `${Number((value / size).toPrecision(3))}${suffix}`
  }
  const thousands: [number, string][] = [
    [1, ''],
    [1e3, ' K'],
    [1e6, ' Mil'],
  ]
  const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB'].map((name, i): [number, string] => [1024 ** i, ` ${name}`])
  const decimal = ['B', 'kB', 'MB', 'GB'].map((name, i): [number, string] => [1000 ** i, ` ${name}/s`])
  switch (unit) {
    case 'none':
      return String(Number(value.toPrecision(4)))
    case 'short':
      return scaled(thousands)
    case 'ops':
      return `${scaled(thousands)} ops/s`
    case 's':
      return value === 0
        ? '0 s'
        : scaled([
            [1e-6, ' µs'],
            [1e-3, ' ms'],
            [1, ' s'],
          ])
    case 'bytes':
      return scaled(binary)
    case 'Bps':
      return scaled(decimal)
    case 'percentunit':
      return `${Number((100 * value).toPrecision(3))}%`
    default:
      throw new Error(`this does not know the unit ${unit}`)
  }
}

/** All panels on one page, each where the dashboard has it. */
export function page(title: string, shown: Shown[], from: number, to: number): string {
  const boxes = shown.map(({ panel, lines }) => {
    const { x, y, w, h } = panel.gridPos
    const [width, height] = [w * COLUMN - GAP, h * ROW - GAP]
    const place = `left:${x * COLUMN}px;top:${y * ROW}px;width:${width}px;height:${height}px`
    const inside =
      panel.type === 'stat' ? stat({ panel, lines }) : plot({ panel, lines }, width, height, from, to)
    return `<section class="${panel.type}" style="${place}"><h2>${escaped(panel.title)}</h2>${panel.type === 'row' ? '' : inside}</section>`
  })
  const height = Math.max(...shown.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h)) * ROW
  return `<!doctype html><meta charset="utf-8"><title>${escaped(title)}</title><style>
    body { margin: ${GAP}px; background: #f4f5f5; font: 12px system-ui, sans-serif; color: #24292e }
    main { position: relative; width: ${24 * COLUMN}px; height: ${height}px }
    section { position: absolute; box-sizing: border-box; overflow: hidden; background: #fff; border: 1px solid #d8dbde; padding: 4px 8px }
    section.row { background: none; border: 0 }
    h2 { margin: 0; font-size: 13px; font-weight: 600 }
    .value { font-size: 34px; text-align: center; padding-top: 24px; color: ${COLORS[0]}; white-space: nowrap }
    .none { color: #888; text-align: center; padding-top: 60px }
    ul { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 0 12px }
    i { display: inline-block; width: 12px; height: 3px; margin: 0 4px 3px 0 }
  </style><main>${boxes.join('\n')}</main>`
}

/** One value, or the name in its place. */
function stat({ panel, lines }: Shown): string {
  const { unit, mappings = [] } = panel.fieldConfig?.defaults ?? {}
  const values = lines.map(({ name, points }) => {
    const last = points.at(-1)?.[1]
    if (last === undefined) return 'No data'
    if (panel.options?.textMode === 'name') return name
    return mappings.find((m) => m.options[last])?.options[last]?.text ?? written(last, unit)
  })
  const text = values.join(' ') || 'No data'
  return `<div class="value" style="font-size:${text.length > 12 ? 17 : 34}px">${escaped(text)}</div>`
}

/** Lines over time, with four marks on the left, the times below, and a legend. */
function plot({ panel, lines }: Shown, width: number, height: number, from: number, to: number): string {
  const { unit, min, custom, noValue = 'No data' } = panel.fieldConfig?.defaults ?? {}
  if (lines.every(({ points }) => points.length === 0)) return `<div class="none">${escaped(noValue)}</div>`
  const log = custom?.scaleDistribution?.type === 'log'
  const [left, right, top, bottom] = [64, width - 44, 6, height - 84]
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter((v) => !log || v > 0)
  const scale = (value: number) => (log ? Math.log10(value) : value)
  const low = scale(log ? Math.min(...values) : (min ?? Math.min(...values)))
  const highest = scale(Math.max(...values))
  const high = highest > low ? highest : low + 1
  const x = (at: number) => left + ((at - from) / (to - from)) * (right - left)
  const y = (value: number) => bottom - ((scale(value) - low) / (high - low)) * (bottom - top)
  const marks = [0, 1, 2, 3].map((n) => low + ((high - low) * n) / 3).map((n) => (log ? 10 ** n : n))
  const text = (at: string, words: string) =>
    `<text ${at} font-size="10" fill="#666">${escaped(words)}</text>`
  const svg = [
    ...marks.map((m) => `<path d="M${left} ${y(m)}H${right}" stroke="#e4e6e8"/>`),
    ...marks.map((m) => text(`x="${left - 4}" y="${y(m) + 3}" text-anchor="end"`, written(m, unit))),
    ...[from, (from + to) / 2, to].map((at) =>
      text(
        `x="${x(at)}" y="${bottom + 14}" text-anchor="middle"`,
        new Date(at * 1000).toISOString().slice(11, 19),
      ),
    ),
    ...lines.map(({ points }, i) => {
      const drawn = points
        .filter(([, v]) => !log || v > 0)
        .map(([at, v]) => `${x(at).toFixed(1)},${y(v).toFixed(1)}`)
      return `<polyline points="${drawn.join(' ')}" fill="none" stroke="${COLORS[i % COLORS.length]}" stroke-width="1.5"/>`
    }),
  ]
  const legend = lines.map(
    ({ name }, i) => `<li><i style="background:${COLORS[i % COLORS.length]}"></i>${escaped(name)}</li>`,
  )
  return `<svg width="${width - 18}" height="${height - 62}">${svg.join('')}</svg><ul>${legend.join('')}</ul>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
