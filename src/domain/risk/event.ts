/** One access as the risk stage and any EHR log tell it (docs/risk-events.md); NDJSON, any field may be absent. */
export interface AccessEvent {
  /** RFC 3339. */
  readonly t?: string;
  readonly user?: string;
  /** The account, where `user` names the person behind it. */
  readonly login?: string;
  readonly role?: string;
  readonly department?: string;
  readonly client?: string;
  readonly ip?: string;
  readonly device?: string;
  readonly agent?: string;
  readonly purpose?: string;
  readonly breakGlass?: boolean;
  readonly reason?: string;
  /** A patient's own access, which names no other patient. */
  readonly own?: boolean;
  readonly interaction?: 'read' | 'search' | 'create' | 'update' | 'delete' | 'export' | 'operation';
  readonly type?: string;
  readonly patient?: string | null;
  /** Ids of the patients whose resources were returned. */
  readonly patients?: readonly string[];
  /** Parameter names, never values. */
  readonly query?: readonly string[];
  readonly results?: number;
  readonly status?: number;
}

/** Facts about staff, patients and their relationships; NDJSON lines of the context file, or FHIR look-ups with their age. */
export type ContextFact =
  | {
      readonly kind: 'staff';
      readonly id: string;
      readonly role?: string;
      readonly department?: string;
      readonly surname?: string;
      readonly address?: string;
      readonly zip4?: string;
      readonly from?: string;
      readonly until?: string;
      readonly patientId?: string;
    }
  | {
      readonly kind: 'patient';
      readonly id: string;
      readonly surname?: string;
      readonly address?: string;
      readonly zip4?: string;
      readonly vip?: boolean;
      readonly birthYear?: number;
      readonly payer?: string;
    }
  | {
      readonly kind: 'encounter' | 'appointment' | 'careteam' | 'referral' | 'order';
      readonly patient?: string;
      readonly staff?: readonly string[];
      readonly department?: string;
      readonly start?: string;
      readonly end?: string;
      readonly recordedAt?: string;
      readonly recordedBy?: string;
      readonly cancelledAt?: string;
    }
  | {
      /** An application that is registered with the house; once there is one, all others are strange. */
      readonly kind: 'client';
      readonly id: string;
    }
  | {
      readonly kind: 'shift';
      readonly user?: string;
      readonly department?: string;
      readonly start?: string;
      readonly end?: string;
    };
