/** One WebSocket connection: hello, welcome, batches and what the server says of them. */

/** A verdict on one event of a batch. */
export interface Verdict {
  index: number;
  result: "rejected" | "retry";
  code: string;
  message: string;
}

/** What the server says, and what a stream therefore calls. */
export interface StreamListener {
  welcome(frameBytes: number): void;
  /** Everything in the batch is stored, but for what the verdicts name. */
  ack(batch: string, verdicts: Verdict[]): void;
  /** The batch cannot be read and never will be. */
  giveUp(batch: string, code: string, message: string): void;
  slowDown(milliseconds: number): void;
  /** It ended by itself, with this close code. */
  gone(code: number): void;
}

interface ServerFrame {
  type: string;
  id?: string;
  limits: { frame_bytes: number };
  results?: Verdict[];
  retry_after_ms: number;
  code: string;
  message: string;
  fatal: boolean;
}

export class Stream {
  isOpen = false;
  private readonly socket_: WebSocket;
  private watch_ = 0;

  /**
   * @param timeout_ milliseconds that the server may leave something unanswered
   */
  constructor(
    url: string,
    key: string,
    sdk: string,
    private readonly timeout_: number,
    private readonly listener_: StreamListener,
  ) {
    this.socket_ = new WebSocket(url.replace(/^http/, "ws") + "/v1/stream");
    this.socket_.onopen = () => this.socket_.send(JSON.stringify({ type: "hello", key, sdk }));
    this.socket_.onmessage = ({ data }) => this.receive_(JSON.parse(data as string) as ServerFrame);
    this.socket_.onclose = ({ code }) => this.end_(code);
    this.expect(true);
  }

  /** Sends a frame. */
  send(frame: string): void {
    this.socket_.send(frame);
  }

  /** Gives the server its time to say something, unless it has that already; or gives it all the time there is. */
  expect(isOwed: boolean): void {
    if (isOwed) this.watch_ ||= setTimeout(() => this.end_(1006), this.timeout_);
    else {
      clearTimeout(this.watch_);
      this.watch_ = 0;
    }
  }

  /** Ends it, and says nothing more. */
  close(): void {
    this.expect(false);
    const socket = this.socket_;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private end_(code: number): void {
    this.close();
    this.listener_.gone(code);
  }

  private receive_(frame: ServerFrame): void {
    const { listener_ } = this;
    this.expect(false);
    if (frame.type === "welcome") {
      this.isOpen = true;
      listener_.welcome(frame.limits.frame_bytes);
    } else if (frame.type === "ack") {
      listener_.ack(frame.id!, frame.results ?? []);
    } else if (frame.type === "slow_down") {
      listener_.slowDown(frame.retry_after_ms);
    } else if (frame.type === "error" && frame.id !== undefined) {
      listener_.giveUp(frame.id, frame.code, frame.message);
    }
  }
}
