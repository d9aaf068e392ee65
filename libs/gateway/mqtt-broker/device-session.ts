import type { Client } from 'aedes';
import type { Command, RawKind } from '#libs/contracts';
import type { KnownDevice } from '#libs/devices';
import type { Written } from '../raw-writer.js';

/** Where messages on one topic of a session go. */
export interface Route {
  /** The device itself, or its child. */
  device: KnownDevice;
  kind: RawKind;
  name: string;
}

/** An aedes client, with what we know of its device once it has proved who it is. */
export interface SessionClient extends Client {
  /** aedes has these too, and does not say so. */
  connackSent?: boolean;
  subscriptions?: Readonly<Record<string, { qos: number }>>;
  session?: DeviceSession;
}

/** An acknowledgement that waits for those before it. */
interface Turn {
  readonly written: Written;
  due: boolean;
  error?: Error | null | undefined;
}

const rememberedRoutes = 1_024;
const windowMs = 60_000;
const largestMessageId = 65_535;

/** One live connection of one device. */
export class DeviceSession {
  /** The registry's state that `routes` were found in. */
  epoch = 0;
  /** True from its registration with the broker to the end of the connection. */
  open = false;
  /** Made by the first publish: most connections are idle most of the time. */
  private routes: Map<string, Route> | undefined;
  /** Acknowledgements owed to the device, oldest first. */
  private turns: Turn[] | undefined;
  /** Commands sent on this connection and not acknowledged, by message id. */
  private commands: Map<number, Command> | undefined;
  /** Filters granted on this connection, also those that it has unsubscribed from since. */
  private filters: Set<string> | undefined;
  private lastMessageId = 0;
  private refusals = 0;
  private windowEndsAt = 0;

  constructor(
    public device: KnownDevice,
    readonly client: SessionClient,
    /** SHA-256 of the secret that it logged in with. */
    readonly secretHash: Uint8Array,
    /** Kept from an earlier connection of a persistent session. */
    private unreleasedIds: Set<number> | undefined,
  ) {}

  /** Message ids of QoS 2 publishes that have come and not been released: a repeat of one is not written again. */
  get unreleased(): Set<number> {
    this.unreleasedIds ??= new Set();
    return this.unreleasedIds;
  }

  /**
   * What is called instead of `written`: that follows then, no sooner than for each publish before. A child's message may be
   * durable before that of another child, and MQTT wants acknowledgements in order (3.1.1, 4.6).
   */
  inOrder(written: Written): Written {
    this.turns ??= [];
    const { turns } = this;
    const turn: Turn = { written, due: false };
    turns.push(turn);
    return (error) => {
      turn.due = true;
      turn.error = error;
      while (turns[0]?.due) {
        const { written: call, error: failure } = turns.shift() as Turn;
        call(failure);
      }
    };
  }

  /** The route of a topic seen before in this epoch. */
  route(topic: string): Route | undefined {
    return this.routes?.get(topic);
  }

  /** Remembers a route; routes of a bounded number of topics are kept. */
  remember(topic: string, route: Route): void {
    this.routes ??= new Map();
    if (this.routes.size >= rememberedRoutes) this.routes.clear();
    this.routes.set(topic, route);
  }

  /** Starts over with what the registry says now. */
  renew(device: KnownDevice, epoch: number): void {
    this.device = device;
    this.epoch = epoch;
    this.routes?.clear();
  }

  /** Whether the command is on its way on this connection. */
  hasSent(command: Command): boolean {
    return [...(this.commands?.values() ?? [])].some(({ id }) => id === command.id);
  }

  /** A message id for a command that is about to be sent, free on this connection. */
  sending(command: Command): number {
    this.commands ??= new Map();
    do this.lastMessageId = (this.lastMessageId % largestMessageId) + 1;
    while (this.commands.has(this.lastMessageId));
    this.commands.set(this.lastMessageId, command);
    return this.lastMessageId;
  }

  /** The command that the device acknowledges with that message id; undefined where there is none. */
  acknowledged(messageId: number): Command | undefined {
    const command = this.commands?.get(messageId);
    this.commands?.delete(messageId);
    return command;
  }

  /**
   * Counts a filter that is granted; false where it would be one more than `limit` on this connection. Nothing is given
   * back before it ends: aedes works on a SUBSCRIBE and an UNSUBSCRIBE at the same time, and either may be the last.
   */
  maySubscribe(filter: string, limit: number): boolean {
    this.filters ??= new Set();
    if (this.filters.size >= limit) return this.filters.has(filter);
    this.filters.add(filter);
    return true;
  }

  /** Counts a refused publish; false where there were more than `limit` within a minute. */
  mayRefuse(now: number, limit: number): boolean {
    if (now >= this.windowEndsAt) {
      this.windowEndsAt = now + windowMs;
      this.refusals = 0;
    }
    this.refusals++;
    return this.refusals <= limit;
  }
}
