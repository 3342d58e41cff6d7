-- How a book is spread over a Citus cluster. Derived from the catalogue of a migrated database by
-- `python -m tests.database.citus`, and compared with it by a test: a table or function that is added must appear.
--
-- NOT RUN by any test of this project, which has no Citus at hand. Read docs/explanation/scale.md before you do.
-- On the coordinator, in the database of a migrated and still empty book:  psql -v ON_ERROR_STOP=1 -f citus.sql

-- Rows that must stay as they are say so by triggers, which look at their own row or statement and at nothing else;
-- those of `loan` add what a statement changed to `portfolio_delta` and `loan_turn` of the same cell.
SET citus.enable_unsafe_triggers TO on;

-- One copy on each node: small, and read with the rows of any cell.
SELECT create_reference_table('book');
SELECT create_reference_table('evidence_book');
SELECT create_reference_table('operator');
SELECT create_reference_table('policy_version');
SELECT create_reference_table('pool');
SELECT create_reference_table('recut');

-- On the coordinator: asked before a cell is known, or about all cells together.
SELECT citus_add_local_table_to_metadata('bill');
SELECT citus_add_local_table_to_metadata('card_bin');
SELECT citus_add_local_table_to_metadata('card_bin_table');
SELECT citus_add_local_table_to_metadata('checkpoint');
SELECT citus_add_local_table_to_metadata('directory');
SELECT citus_add_local_table_to_metadata('headroom');
SELECT citus_add_local_table_to_metadata('list_entry');
SELECT citus_add_local_table_to_metadata('migration');
SELECT citus_add_local_table_to_metadata('operator_attempt');
SELECT citus_add_local_table_to_metadata('operator_session');
SELECT citus_add_local_table_to_metadata('policy_draft');
SELECT citus_add_local_table_to_metadata('policy_generation');
SELECT citus_add_local_table_to_metadata('policy_publication');
SELECT citus_add_local_table_to_metadata('policy_switch');
SELECT citus_add_local_table_to_metadata('pool_day');
SELECT citus_add_local_table_to_metadata('purpose_contract');
SELECT citus_add_local_table_to_metadata('reconciliation_break');
SELECT citus_add_local_table_to_metadata('repeatable');
SELECT citus_add_local_table_to_metadata('webhook_subscription');

-- By cell, all alike, so that what belongs to a cell lies on one node.
SELECT create_distributed_table('cell', 'cell', colocate_with := 'none');
SELECT create_distributed_table('person', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('account', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('accrual_delta', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('accrual_group', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('bill_line', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('bill_round', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('book_import', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('card_attempt', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('cell_lease', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('channel_order', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('channel_word', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('checkout', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('checkpoint_cell', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('closing', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('day_balance', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('day_portfolio', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('day_sum', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('evidence_leaf', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('evidence_node', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('evidence_tree', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('funding_due', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('headroom_slice', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('hold', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('idempotency', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_diary', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_event', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_reference', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_set_aside', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_snapshot', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_turn', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('message_code', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('notice_round', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('one_time_code', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('person_reference', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('portfolio_class', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('portfolio_delta', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('purpose_message', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('purpose_spend', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('refused_word', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('repayment', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('work', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('settlement', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('signal', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('signal_key', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('signal_link', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('spend_statement', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('transfer', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('work_set_aside', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('application', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('access_log', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('account_link', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('business', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('collection_step', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('consent', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('contact_denial', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('contract_payee', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('customer_note', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('grievance', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('instrument', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('limit_cap', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('person_key', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('proposal', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('purpose_card', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('retention_hold', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('session', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('spend_account', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('vault_field', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('wechat_message_quota', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('certificate', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('guarantor_bill', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('guarantor_payment', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_funding', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('milestone_paper', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('partner_settled', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('payee_wish', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('pool_loan', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('checkout_refund', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('combined_payment', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_called_off', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('refund_of', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('settled_order', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('headroom_use', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('review', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('spend_bill_corrected', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('decision', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('referral', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('repayment_agreement', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('drawing_freeze', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('funds_version', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('life_event', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('milestone_release', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('placed_receipt', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('purpose_alert', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('purpose_evidence', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('wallet_binding', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('bill_deduction', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('late_bill_told', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('spend_event', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('spend_funding', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('spend_purchase', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('loan_buy_back', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('pool_receipt', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('assessment', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('facility', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('limit_change', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('override', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('shadow_decision', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('funds_version_answer', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('spend_order', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('lender_question', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('offer', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('purpose_loan', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('lender_word', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('checkout_offer', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('disclosure', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('lender_offer', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('contract', 'cell', colocate_with := 'cell');
SELECT create_distributed_table('lender_funding', 'cell', colocate_with := 'cell');

-- Run where the cell is; the others are called by these, there.
SELECT create_distributed_function('bears_no_income(text,date,date,date,bigint)');
SELECT create_distributed_function('bill_amounts(bytea)');
SELECT create_distributed_function('claim_idempotency_key(smallint,text,text,bytea)', 'p_cell',
    colocate_with := 'cell', force_delegation := true);
SELECT create_distributed_function('last_posted_on(smallint,uuid)');
SELECT create_distributed_function('line_at_zero(bigint,bigint,date)');
SELECT create_distributed_function('person_is_erased(smallint,uuid)');
SELECT create_distributed_function('post_all_at_once(smallint,uuid[],smallint[],uuid[],smallint[],text[],uuid[],smallint[],text[],bigint[],smallint[],date[],date[],uuid[],uuid[],date[],boolean[])');
SELECT create_distributed_function('post_batch(smallint,uuid[],smallint[],uuid[],smallint[],text[],uuid[],smallint[],text[],bigint[],smallint[],date[],date[],uuid[],uuid[],date[],boolean[],boolean)', 'p_cell',
    colocate_with := 'cell', force_delegation := true);
SELECT create_distributed_function('post_one(smallint,uuid,smallint,uuid,smallint,text,uuid,smallint,text,bigint,smallint,date,date,uuid,uuid,date,boolean)');
SELECT create_distributed_function('post_single(smallint,uuid,smallint,uuid,smallint,text,uuid,smallint,text,bigint,smallint,date,date,uuid,uuid,date)');
SELECT create_distributed_function('reason_is_forgotten(jsonb,jsonb)');
SELECT create_distributed_function('spend_amounts(bytea)');
