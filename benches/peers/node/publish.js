// `POST /publish`: a load of numbered and timed events, as the benchmark's other servers publish it.

import { setImmediate, setTimeout } from 'node:timers/promises'

// A server that publishes in a loop has to let its streams run: after so many events to all, and after each event to
// one of many.
const GIVE_WAY_AFTER = 64

export class Refused extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

// Sends all events of `query` through `send`, which gets the target and the data.
export async function publish(query, send) {
  const { count, size, rate, turns, name } = order(query)
  const started = performance.now()
  for (let event = 0; event < count; event += 1) {
    if (rate !== null) {
      const wait = started + (event * 1000) / rate - performance.now()
      if (wait > 0) {
        await setTimeout(wait)
      }
    }
    send(name(event % turns), data(Math.floor(event / turns), size))
    if (turns > 1 || event % GIVE_WAY_AFTER === 0) {
      await setImmediate()
    }
  }
  return { published: count, seconds: (performance.now() - started) / 1000 }
}

function order(query) {
  const [to, users, groups] = ['to', 'users', 'groups'].map((name) => query.get(name))
  if ([to, users, groups].filter((receivers) => receivers !== null).length > 1) {
    throw new Refused(400, 'to, users and groups exclude each other; give one of them')
  }
  const receivers = users ?? groups
  const kind = users === null ? 'group' : 'user'
  return {
    count: number(query, 'count', 0, 1e9) ?? 1,
    size: number(query, 'size', 0, 1024 * 1024) ?? 0,
    rate: number(query, 'rate', 0.001, 1e7),
    turns: number(query, users === null ? 'groups' : 'users', 1, 1e6) ?? 1,
    name: receivers === null ? () => to ?? 'all' : (turn) => `${kind}:${turn}`,
  }
}

function number(query, name, least, most) {
  const text = query.get(name)
  const value = Number(text)
  if (text !== null && !(value >= least && value <= most)) {
    throw new Refused(400, `${name} is ${text}; allowed is a number from ${least} to ${most}`)
  }
  return text === null ? null : value
}

// `#COUNTER UNIX_NANOS xxx…`, of `size` bytes where counter and time leave room.
function data(counter, size) {
  // `Date.now()` tells no more than milliseconds.
  const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6))
  const data = `#${counter} ${now}`
  return data.length < size ? `${data} `.padEnd(size, 'x') : data
}
