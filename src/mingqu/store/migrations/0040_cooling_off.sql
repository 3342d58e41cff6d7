-- Money may be meant as giving a loan back within its first days.
ALTER TABLE repayment DROP CONSTRAINT repayment_intent_check;
ALTER TABLE repayment ADD CONSTRAINT repayment_intent_check CHECK (intent IN ('due', 'prepay', 'payoff', 'withdraw'));
